package dev.holt.control.database;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteDataSource;

/**
 * An SQLite file in WAL mode, readable by its owner only. Readers run side by side; writers take turns in the order in
 * which they came, because SQLite's own waiting starves some of them for hundreds of milliseconds. A write is durable when
 * it returns ({@link #write}), or survives a crash of the process but not necessarily of the host ({@link #writeSoon}).
 */
public final class Database implements AutoCloseable {
    private static final int READERS = 4;
    private static final int BUSY_TIMEOUT_MILLIS = 10_000;
    private static final String MIGRATIONS = "classpath:dev/holt/control/migration";

    private final ReentrantLock writerTurn = new ReentrantLock(true);
    private final HikariDataSource readers;
    private final HikariDataSource durableWriter;
    private final HikariDataSource quickWriter;
    private final Jdbi reading;
    private final Jdbi writingDurably;
    private final Jdbi writingQuickly;

    private Database(Path file) {
        durableWriter = pool(file, "holt-write-durable", 1, SQLiteConfig.SynchronousMode.FULL, false);
        Flyway.configure()
                .dataSource(durableWriter)
                .locations(MIGRATIONS)
                .load()
                .migrate();
        quickWriter = pool(file, "holt-write", 1, SQLiteConfig.SynchronousMode.NORMAL, false);
        readers = pool(file, "holt-read", READERS, SQLiteConfig.SynchronousMode.NORMAL, true);
        reading = Jdbi.create(readers);
        writingDurably = Jdbi.create(durableWriter);
        writingQuickly = Jdbi.create(quickWriter);
    }

    /**
     * Opens the file, creates it with mode 0600 when it is missing, and brings its tables up to date.
     *
     * @throws UncheckedIOException when the file can't be created
     */
    public static Database open(Path file) {
        try {
            Path directory = file.toAbsolutePath().getParent();
            if (directory != null) {
                Files.createDirectories(directory);
            }
            Set<PosixFilePermission> ownerOnly = PosixFilePermissions.fromString("rw-------");
            FileAttribute<Set<PosixFilePermission>> mode = PosixFilePermissions.asFileAttribute(ownerOnly);
            if (!Files.exists(file)) {
                Files.createFile(file, mode);
            }
            // SQLite gives its -wal and -shm files the mode of the database.
            Files.setPosixFilePermissions(file, ownerOnly);
        } catch (IOException e) {
            throw new UncheckedIOException("can't create the database " + file, e);
        }
        return new Database(file);
    }

    /** Runs queries on one connection that can't write. */
    public <T> T read(Function<Handle, T> queries) {
        return reading.withHandle(queries::apply);
    }

    /** Runs {@code statements} in one transaction that survives a power cut once this returns. */
    public <T> T write(Function<Handle, T> statements) {
        return inTurn(writingDurably, statements);
    }

    /** Runs {@code statements} in one transaction that a power cut, but not a crash of this process, may undo. */
    public <T> T writeSoon(Function<Handle, T> statements) {
        return inTurn(writingQuickly, statements);
    }

    private <T> T inTurn(Jdbi writer, Function<Handle, T> statements) {
        writerTurn.lock();
        try {
            return writer.inTransaction(statements::apply);
        } finally {
            writerTurn.unlock();
        }
    }

    @Override
    public void close() {
        readers.close();
        quickWriter.close();
        durableWriter.close();
    }

    private static HikariDataSource pool(
            Path file, String name, int size, SQLiteConfig.SynchronousMode synchronous, boolean readOnly) {
        SQLiteConfig sqlite = new SQLiteConfig();
        sqlite.setJournalMode(SQLiteConfig.JournalMode.WAL);
        sqlite.setSynchronous(synchronous);
        sqlite.enforceForeignKeys(true);
        sqlite.setBusyTimeout(BUSY_TIMEOUT_MILLIS);
        if (!readOnly) {
            // Take the write lock at once; a read transaction that turns into a write can't wait for another.
            sqlite.setTransactionMode(SQLiteConfig.TransactionMode.IMMEDIATE);
        }
        SQLiteDataSource source = new SQLiteDataSource(sqlite);
        source.setUrl("jdbc:sqlite:" + file);
        HikariConfig hikari = new HikariConfig();
        hikari.setDataSource(source);
        hikari.setPoolName(name);
        hikari.setMaximumPoolSize(size);
        hikari.setMinimumIdle(1);
        hikari.setMaxLifetime(0);
        if (readOnly) {
            // Not SQLite's own read-only mode: a reader may have to create the -shm file.
            hikari.setConnectionInitSql("pragma query_only = on");
        }
        return new HikariDataSource(hikari);
    }
}
