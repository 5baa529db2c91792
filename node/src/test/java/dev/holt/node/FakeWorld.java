package dev.holt.node;

import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.RootFileSystems;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.network.Slot;
import dev.holt.node.network.SlotSource;
import dev.holt.node.runtime.CheckpointRefused;
import dev.holt.node.runtime.InstanceSpec;
import dev.holt.node.runtime.ResourceUsage;
import dev.holt.node.runtime.RuntimeCapabilities;
import dev.holt.node.runtime.RuntimeFailure;
import dev.holt.node.runtime.RuntimeInstance;
import dev.holt.node.runtime.SandboxRuntime;
import dev.holt.nodeapi.Isolation;
import dev.holt.nodeapi.NetworkPolicy;
import dev.holt.wire.id.SandboxId;
import dev.holt.wire.id.TemplateId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * A host that exists in memory but for its guests, which listen on loopback addresses: what a node leaves there can be counted.
 * Outlives the nodes that use it, as a real host does.
 */
final class FakeWorld {
    static final TemplateId TEMPLATE = new TemplateId("base");
    static final String BUILD = "b1";

    final Map<SandboxId, FakeInstance> instances = new ConcurrentHashMap<>();
    final Map<SandboxId, Path> roots = new ConcurrentHashMap<>();
    final Map<Integer, NetworkPolicy> slots = new ConcurrentHashMap<>();
    final AtomicInteger starting = new AtomicInteger();
    final AtomicInteger mostStarting = new AtomicInteger();
    final AtomicInteger started = new AtomicInteger();
    /** How often the next ends of instances fail. */
    final AtomicInteger failingEnds = new AtomicInteger();

    volatile boolean mute;
    volatile Optional<String> failing = Optional.empty();
    private final int network = ThreadLocalRandom.current().nextInt(1, 255);

    final class FakeInstance implements RuntimeInstance {
        private final SandboxId id;
        private final CountDownLatch end = new CountDownLatch(1);
        private final Optional<FakeGuest> guest;

        FakeInstance(SandboxId id, Optional<FakeGuest> guest) {
            this.id = id;
            this.guest = guest;
        }

        @Override
        public SandboxId id() {
            return id;
        }

        @Override
        public boolean alive() {
            return end.getCount() > 0;
        }

        @Override
        public void awaitEnd() throws InterruptedException {
            end.await();
        }

        @Override
        public ResourceUsage usage() {
            return new ResourceUsage(1_000_000, 1 << 20, 1 << 10);
        }

        void crash() {
            guest.ifPresent(listening -> {
                try {
                    listening.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            end.countDown();
        }

        @Override
        public void freeze() {}

        @Override
        public void thaw() {}

        @Override
        public void suspend(Duration limit) {}

        @Override
        public void proceed(Duration limit) {}

        @Override
        public void checkpoint(Path imageDirectory, Duration limit) {
            throw new CheckpointRefused("fake guests have no memory");
        }

        @Override
        public void close() {
            if (failingEnds.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new RuntimeFailure("the engine is busy");
            }
            crash();
            instances.remove(id);
        }
    }

    /** Ends an instance's first process if it runs. */
    void crash(SandboxId id) {
        Optional.ofNullable(instances.get(id)).ifPresent(FakeInstance::crash);
    }

    final SandboxRuntime runtime = new SandboxRuntime() {
        @Override
        public Isolation isolation() {
            return Isolation.GVISOR;
        }

        @Override
        public RuntimeCapabilities capabilities() {
            return FakeWorld.capabilities();
        }

        @Override
        public RuntimeInstance start(InstanceSpec spec) {
            fail("runtime");
            mostStarting.accumulateAndGet(starting.incrementAndGet(), Math::max);
            try {
                Thread.sleep(5);
                int slot =
                        Integer.parseInt(spec.networkNamespace().getFileName().toString());
                FakeInstance instance = new FakeInstance(
                        spec.id(), mute ? Optional.empty() : Optional.of(new FakeGuest(guestAddress(slot))));
                instances.put(spec.id(), instance);
                started.incrementAndGet();
                return instance;
            } catch (InterruptedException | IOException e) {
                throw new IllegalStateException(e);
            } finally {
                starting.decrementAndGet();
            }
        }

        @Override
        public RuntimeInstance restore(InstanceSpec spec, Path imageDirectory, Duration limit) {
            throw new RuntimeFailure("fake guests have no memory");
        }

        @Override
        public List<SandboxId> instances() {
            return List.copyOf(instances.keySet());
        }

        @Override
        public Optional<RuntimeInstance> find(SandboxId id) {
            return Optional.<RuntimeInstance>ofNullable(instances.get(id)).filter(RuntimeInstance::alive);
        }

        @Override
        public void sweep(SandboxId id) {
            FakeInstance instance = instances.remove(id);
            if (instance != null) {
                instance.crash();
            }
        }
    };

    final RootFileSystems rootFileSystems = new RootFileSystems() {
        @Override
        public Optional<TemplateImage> find(TemplateId template, String buildId) {
            return template.equals(TEMPLATE) && buildId.equals(BUILD)
                    ? Optional.of(new TemplateImage(template, buildId, List.of(), "user", Optional.empty()))
                    : Optional.empty();
        }

        @Override
        public RootFileSystem mount(
                SandboxId sandbox, Path directory, TemplateImage image, int diskMegabytes, Consumer<Path> prepare) {
            fail("root");
            try {
                Path root = Files.createDirectory(directory.resolve("rootfs"));
                prepare.accept(root);
                roots.put(sandbox, root);
                return mounted(sandbox, root);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public Optional<RootFileSystem> adopt(SandboxId sandbox, Path directory) {
            return Optional.ofNullable(roots.get(sandbox)).map(root -> mounted(sandbox, root));
        }

        @Override
        public void sweep(Set<SandboxId> keep) {
            roots.keySet().retainAll(keep);
        }
    };

    private RootFileSystem mounted(SandboxId sandbox, Path root) {
        return new RootFileSystem() {
            @Override
            public Path path() {
                return root;
            }

            @Override
            public void close() {
                if (instances.containsKey(sandbox)) {
                    throw new IllegalStateException("unmounted under a running instance");
                }
                roots.remove(sandbox);
            }
        };
    }

    /** Slots of a new run over the same world. */
    SlotSource slotSource() {
        return new SlotSource() {
            private final AtomicInteger next = new AtomicInteger();

            @Override
            public boolean exists(int number) {
                return slots.containsKey(number);
            }

            @Override
            public void start(Map<Integer, NetworkPolicy> inUse) {
                slots.keySet().retainAll(inUse.keySet());
                next.set(slots.keySet().stream()
                        .mapToInt(number -> number + 1)
                        .max()
                        .orElse(0));
            }

            @Override
            public List<Slot> make(int count) {
                fail("slots");
                List<Slot> made = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    int number = next.getAndIncrement();
                    slots.put(number, NetworkPolicy.OPEN);
                    made.add(slot(number));
                }
                return made;
            }

            @Override
            public Slot adopt(int number, NetworkPolicy policy) {
                return slot(number);
            }

            @Override
            public void close() {}
        };
    }

    private Slot slot(int number) {
        return new Slot() {
            @Override
            public int number() {
                return number;
            }

            @Override
            public Path namespace() {
                return Path.of("/fake", Integer.toString(number));
            }

            @Override
            public Inet4Address guestAddress() {
                return FakeWorld.this.guestAddress(number);
            }

            @Override
            public Inet4Address gatewayAddress() {
                return FakeWorld.this.guestAddress(number);
            }

            @Override
            public void restrict(NetworkPolicy policy) {
                fail("policy");
                slots.put(number, policy);
            }

            @Override
            public void close() {
                slots.remove(number);
            }
        };
    }

    private Inet4Address guestAddress(int slot) {
        return (Inet4Address) InetAddress.ofLiteral("127." + network + "." + slot / 200 + "." + (slot % 200 + 1));
    }

    private void fail(String seam) {
        if (failing.equals(Optional.of(seam))) {
            throw new RuntimeFailure(seam + " is broken");
        }
    }

    private static RuntimeCapabilities capabilities() {
        return new RuntimeCapabilities(true, true, true, true, false, true, true);
    }
}
