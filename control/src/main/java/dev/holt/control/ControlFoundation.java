package dev.holt.control;

import dev.holt.control.contract.Contract;
import dev.holt.control.database.Database;

/**
 * What of the control side needs no node: the opened database and the contract of its API. Opening it takes as long as starting
 * a node, so a start does both at once.
 */
public final class ControlFoundation implements AutoCloseable {
    private final Database database;
    private final Contract contract;

    private ControlFoundation(Database database, Contract contract) {
        this.database = database;
        this.contract = contract;
    }

    /** Opens the database, bringing its tables up to date, and reads the contract. */
    public static ControlFoundation open(ControlConfig config) {
        Contract contract = Contract.load();
        return new ControlFoundation(Database.open(config.database()), contract);
    }

    Database database() {
        return database;
    }

    Contract contract() {
        return contract;
    }

    /** Closes the database; the {@link Control} that stands on it does that too. Idempotent. */
    @Override
    public void close() {
        database.close();
    }
}
