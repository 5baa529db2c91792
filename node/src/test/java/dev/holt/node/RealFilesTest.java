package dev.holt.node;

import static dev.holt.node.RealNode.shell;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holt.node.testing.SandboxHost;
import dev.holt.nodeapi.EndReason;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.ResumeSandbox;
import dev.holt.nodeapi.Resumed;
import dev.holt.nodeapi.SandboxState;
import dev.holt.wire.id.SandboxId;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * That any number of rounds keeps every byte: random changes of every kind to files and directories, of the template too, and after
 * each pause, with or without memory, after forks, rollbacks and restarts of the daemon, the same digest of the whole tree.
 */
@Timeout(600)
final class RealFilesTest {
    private static final int ROUNDS = 30;
    private static final ResumeSandbox WITH_MEMORY = new ResumeSandbox(RealNode.TIMEOUT, true);

    private static SandboxHost host;

    @BeforeAll
    static void openHost() throws IOException {
        host = new SandboxHost();
        host.disks().create(RealNode.USUAL.diskMegabytes()).close(); // its empty image stays, and is no leak
    }

    @AfterAll
    static void closeHost() {
        host.close();
    }

    /** Run inside: argument "change SEED ATTRIBUTES" changes things, "digest" tells what there is. */
    private static final String PROGRAM = """
            mkdir -p /srv/w && cat > /srv/w/.tool.py <<'EOF'
            import hashlib, os, random, shutil, stat, sys
            ROOTS = ['/srv/w', '/etc/apt', '/etc/skel', '/opt', '/usr/share/bash-completion', '/usr/share/perl5', '/usr/share/zoneinfo/Europe', '/srv']
            def entries(root):
                for directory, names, files in os.walk(root):
                    names.sort()
                    for name in names + files:
                        yield os.path.join(directory, name)
            def digest():
                total = hashlib.sha256()
                inodes = {}
                for root in ROOTS:
                    for path in sorted(entries(root)):
                        if path.startswith('/srv/w/.tool'):
                            continue
                        info = os.lstat(path)
                        kind = stat.S_IFMT(info.st_mode)
                        parts = [path, oct(info.st_mode), info.st_uid, info.st_gid]
                        if kind == stat.S_IFREG:
                            with open(path, 'rb') as file:
                                parts += [info.st_size, hashlib.sha256(file.read()).hexdigest(), info.st_mtime_ns]
                            if path.startswith('/srv/w/'):
                                parts.append(inodes.setdefault(info.st_ino, path) if info.st_nlink > 1 else 'single')
                        elif kind == stat.S_IFLNK:
                            parts.append(os.readlink(path))
                        if ATTRIBUTES and kind in (stat.S_IFREG, stat.S_IFDIR):
                            parts += [(name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)) if name.startswith('user.')]
                        total.update(repr(parts).encode())
                print(total.hexdigest())
            def change(seed):
                r = random.Random(seed)
                def pick(root, directory=False):
                    found = [p for p in sorted(entries(root)) if p != '/srv/w' and not p.startswith('/srv/w/.tool') and os.path.isdir(p) == directory and not os.path.islink(p)]
                    return r.choice(found) if found else None
                for step in range(25):
                    name = '/srv/w/%d-%d' % (seed, step)
                    root = r.choice(ROOTS)
                    what = r.randrange(14)
                    try:
                        if what == 0:
                            with open(name, 'wb') as file: file.write(r.randbytes(r.randrange(200000)))
                        elif what == 1:
                            with open(name, 'wb') as file:
                                file.seek(r.randrange(1 << 22)); file.write(r.randbytes(100)); file.truncate(1 << 22)
                        elif what == 2: os.symlink(r.choice(['/etc/passwd', 'nowhere', '../x']), name)
                        elif what == 3: os.link(pick('/srv/w'), name)
                        elif what == 4: os.makedirs(name + '/a/b/c')
                        elif what == 5: os.rename(pick(root), name)
                        elif what == 6: os.remove(pick(root))
                        elif what == 7: os.rename(pick(root, True), name)
                        elif what == 8: shutil.rmtree(pick(root, True))
                        elif what == 9:
                            victim = pick(root, True)
                            shutil.rmtree(victim); os.mkdir(victim)
                            with open(victim + '/instead', 'w') as file: file.write('replaced')
                        elif what == 10: os.chown(pick(root), r.randrange(2000), r.randrange(2000))
                        elif what == 11: os.chmod(pick(root), r.choice([0o600, 0o755, 0o4755, 0o444]))
                        elif what == 12 and ATTRIBUTES: os.setxattr(pick('/srv/w'), 'user.%d' % step, r.randbytes(30))
                        else:
                            with open(pick(root), 'r+b') as file:
                                file.seek(r.randrange(1000)); file.write(r.randbytes(r.randrange(5000)))
                    except (OSError, TypeError, shutil.Error):
                        pass
            ATTRIBUTES = sys.argv[2] == 'yes'
            if sys.argv[1] == 'digest': digest()
            else: change(int(sys.argv[3]))
            EOF
            mkdir -p /srv/w/first; echo a > /srv/w/first/a
            """;

    private static String digest(LocalNode node, SandboxId id, String attributes) {
        String digest = shell(node, id, "python3 -S /srv/w/.tool.py digest " + attributes);
        assertThat(digest).matches("[0-9a-f]{64}\n");
        return digest;
    }

    @ParameterizedTest
    @EnumSource(Isolation.class)
    void everyByteIsKeptOverThirtyRounds(Isolation isolation) throws Exception {
        long seed = new Random().nextLong(1_000_000);
        System.out.println(isolation + " with seed " + seed);
        Random random = new Random(seed);
        try (RealNode real = new RealNode(host, isolation)) {
            String attributes = real.runtime().capabilities().keepsAttributes() ? "yes" : "no";
            LocalNode node = real.start();
            SandboxId id = node.create(real.request()).id();
            shell(node, id, PROGRAM);
            for (int round = 0; round < ROUNDS; round++) {
                String said = shell(node, id, "python3 -S /srv/w/.tool.py change " + attributes + " " + (seed + round));
                assertThat(said).as("round " + round + " of seed " + seed).isEmpty();
                String before = digest(node, id, attributes);
                boolean keepMemory = random.nextInt(3) > 0;
                node.pause(id, keepMemory);
                node.awaitIdle(id); // what a killed daemon was at stops with it, what an abandoned node is at does not
                if (random.nextInt(5) == 0) {
                    real.abandon(node);
                    node = real.start();
                    assertThat(node.find(id).orElseThrow().state()).isEqualTo(SandboxState.PAUSED);
                }
                Resumed resumed = node.resume(id, WITH_MEMORY);
                assertThat(resumed.way()).isEqualTo(keepMemory ? Resumed.Way.RESTORED : Resumed.Way.BOOTED);
                assertThat(digest(node, id, attributes))
                        .as("round " + round + " of seed " + seed)
                        .isEqualTo(before);
                if (round % 10 == 9) {
                    assertCopiesAreTheSame(real, node, id, before, attributes, seed + round);
                }
            }
            real.assertNothingLeft();
        }
    }

    private static void assertCopiesAreTheSame(
            RealNode real, LocalNode node, SandboxId id, String digest, String attributes, long seed) {
        var build = node.capture(id, RealNode.capture("at" + seed));
        SandboxId fork = node.create(real.request(build.template(), build.buildId(), seed % 2 == 0))
                .id();
        assertThat(digest(node, fork, attributes)).as("a fork").isEqualTo(digest);
        node.kill(fork, EndReason.KILLED);
        shell(node, id, "python3 -S /srv/w/.tool.py change " + attributes + " " + (seed + 1_000_000));
        node.rollback(id, build.template(), build.buildId());
        assertThat(digest(node, id, attributes)).as("rolled back").isEqualTo(digest);
        node.deleteSnapshot(build.template(), build.buildId());
    }
}
