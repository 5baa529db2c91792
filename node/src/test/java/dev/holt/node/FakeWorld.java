package dev.holt.node;

import dev.holt.node.image.ImageFailure;
import dev.holt.node.image.RootFileSystem;
import dev.holt.node.image.RootFileSystems;
import dev.holt.node.image.TemplateImage;
import dev.holt.node.network.Slot;
import dev.holt.node.network.SlotSource;
import dev.holt.node.runtime.ImageWitness;
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
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
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
import java.util.stream.Stream;

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

    final Set<SandboxId> mountedRoots = ConcurrentHashMap.newKeySet();
    /** How often a disk was checked. */
    final AtomicInteger checks = new AtomicInteger();

    private final Path disks;
    volatile boolean keepsMemory = true;
    volatile boolean templateGone;
    volatile boolean mute;
    volatile Optional<String> failing = Optional.empty();
    private final int network = ThreadLocalRandom.current().nextInt(1, 255);

    /** @param disks where the disks of sandboxes are; exists */
    FakeWorld(Path disks) {
        this.disks = disks;
    }

    final class FakeInstance implements RuntimeInstance {
        private final SandboxId id;
        private final CountDownLatch end = new CountDownLatch(1);
        private final Optional<FakeGuest> guest;
        /** What the guest has in its memory. */
        volatile String memory;

        volatile boolean frozen;
        volatile boolean suspended;

        FakeInstance(SandboxId id, Optional<FakeGuest> guest, String memory) {
            this.id = id;
            this.guest = guest;
            this.memory = memory;
        }

        boolean stands() {
            return frozen || suspended;
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

        @Override
        public void attend(boolean attended) {}

        void mute() {
            guest.ifPresent(listening -> {
                try {
                    listening.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
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
        public void freeze() {
            frozen = true;
        }

        @Override
        public void thaw() {
            frozen = false;
        }

        @Override
        public void suspend(Duration limit) {
            fail("suspend");
            suspended = true;
        }

        @Override
        public void proceed(Duration limit) {
            fail("proceed");
            suspended = false;
        }

        @Override
        public void checkpoint(Path imageDirectory, ImageWitness witness, Duration limit) {
            fail("checkpoint");
            if (!suspended) {
                throw new IllegalStateException("not suspended");
            }
            try {
                Files.writeString(imageDirectory.resolve("checkpoint.img"), memory);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
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

    /** Lets a guest run on whose agent answers no more. */
    void mute(SandboxId id) {
        instance(id).mute();
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
            return new RuntimeCapabilities(keepsMemory, keepsMemory, true, true, false, true, true);
        }

        @Override
        public RuntimeInstance start(InstanceSpec spec) {
            fail("runtime");
            mostStarting.accumulateAndGet(starting.incrementAndGet(), Math::max);
            try {
                Thread.sleep(5);
                int slot =
                        Integer.parseInt(spec.networkNamespace().getFileName().toString());
                return run(spec, slot, "booted");
            } catch (InterruptedException | IOException e) {
                throw new IllegalStateException(e);
            } finally {
                starting.decrementAndGet();
            }
        }

        private FakeInstance run(InstanceSpec spec, int slot, String memory) throws IOException {
            if (!mountedRoots.contains(spec.id())) {
                throw new RuntimeFailure("the root file system of " + spec.id() + " is not mounted");
            }
            FakeInstance instance = new FakeInstance(
                    spec.id(), mute ? Optional.empty() : Optional.of(new FakeGuest(guestAddress(slot))), memory);
            if (instances.put(spec.id(), instance) != null) {
                throw new RuntimeFailure("two instances of " + spec.id());
            }
            started.incrementAndGet();
            return instance;
        }

        @Override
        public RuntimeInstance restore(InstanceSpec spec, Path imageDirectory, Duration limit) {
            fail("restore");
            try {
                int slot =
                        Integer.parseInt(spec.networkNamespace().getFileName().toString());
                return run(spec, slot, Files.readString(imageDirectory.resolve("checkpoint.img")));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
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

        @Override
        public void close() {}
    };

    final RootFileSystems rootFileSystems = new RootFileSystems() {
        @Override
        public Optional<TemplateImage> find(TemplateId template, String buildId) {
            return !templateGone && template.equals(TEMPLATE) && buildId.equals(BUILD)
                    ? Optional.of(new TemplateImage(template, buildId, List.of(), "user", Optional.empty()))
                    : Optional.empty();
        }

        @Override
        public RootFileSystem mount(
                SandboxId sandbox, Path directory, TemplateImage image, int diskMegabytes, Consumer<Path> prepare) {
            fail("root");
            try {
                Files.writeString(Files.createDirectories(disk(sandbox)).resolve("image.ext4"), "mounts 00000\n");
                FakeRoot root = new FakeRoot(sandbox, directory);
                roots.put(sandbox, root.path());
                root.mount();
                prepare.accept(root.path());
                return root;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public RootFileSystem mountCopy(SandboxId sandbox, Path directory, TemplateImage image, Path disk) {
            fail("root");
            try {
                Files.copy(disk, Files.createDirectories(disk(sandbox)).resolve("image.ext4"));
                FakeRoot root = new FakeRoot(sandbox, directory);
                roots.put(sandbox, root.path());
                root.mount();
                return root;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public Optional<RootFileSystem> adopt(SandboxId sandbox, Path directory, TemplateImage image) {
            return Optional.ofNullable(roots.get(sandbox)).map(root -> new FakeRoot(sandbox, directory));
        }

        @Override
        public void sweep(Set<SandboxId> keep) {
            for (SandboxId sandbox : List.copyOf(roots.keySet())) {
                if (!keep.contains(sandbox)) {
                    new FakeRoot(sandbox, Path.of("/gone")).close();
                }
            }
        }
    };

    private Path disk(SandboxId sandbox) {
        return disks.resolve(sandbox.value());
    }

    /** What that sandbox has written to its disk. */
    String written(SandboxId sandbox) {
        try {
            String all = Files.readString(disk(sandbox).resolve("image.ext4"));
            return all.substring(all.indexOf('\n') + 1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The guest writes to its disk. */
    void write(SandboxId sandbox, String text) {
        FakeInstance guest = instance(sandbox);
        if (!guest.alive() || guest.stands() || !mountedRoots.contains(sandbox)) {
            throw new IllegalStateException("that guest can't write");
        }
        try {
            Files.writeString(disk(sandbox).resolve("image.ext4"), text, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The instance of that sandbox, which must have one. */
    FakeInstance instance(SandboxId sandbox) {
        return Optional.ofNullable(instances.get(sandbox)).orElseThrow();
    }

    /** The host stops and starts: nothing runs or is mounted any more. */
    void reboot() {
        instances.keySet().forEach(this::crash);
        instances.clear();
        mountedRoots.clear();
        slots.clear();
    }

    /** A file in place of a disk; as on a real one, mounting alone changes it. */
    private final class FakeRoot implements RootFileSystem {
        private final SandboxId sandbox;
        private final Path directory;

        FakeRoot(SandboxId sandbox, Path directory) {
            this.sandbox = sandbox;
            this.directory = directory;
        }

        @Override
        public Path path() {
            return directory.resolve("rootfs");
        }

        @Override
        public Path image() {
            return disk(sandbox).resolve("image.ext4");
        }

        @Override
        public boolean mounted() {
            return mountedRoots.contains(sandbox);
        }

        @Override
        public void mount() {
            if (mounted()) {
                return;
            }
            try {
                String all = Files.readString(image());
                int mounts = Integer.parseInt(all.substring(7, 12)) + 1;
                Files.writeString(image(), "mounts %05d".formatted(mounts) + all.substring(12));
                Files.createDirectories(path());
                mountedRoots.add(sandbox);
            } catch (IOException e) {
                throw new ImageFailure("could not mount '" + image() + "'", e);
            }
        }

        @Override
        public void unmount() {
            if (instances.containsKey(sandbox)) {
                throw new IllegalStateException("unmounted under a running instance");
            }
            mountedRoots.remove(sandbox);
        }

        @Override
        public void sync() {
            fail("sync");
        }

        @Override
        public Optional<String> check() {
            checks.incrementAndGet();
            if (mounted()) {
                throw new IllegalStateException("checked while it is mounted");
            }
            if (!Files.exists(image())) {
                throw new ImageFailure("'" + image() + "' is missing");
            }
            return Optional.empty();
        }

        @Override
        public void swap(Path replacement) {
            try {
                if (!Files.exists(aside())) {
                    Files.move(image(), aside());
                }
                Files.move(replacement, image(), StandardCopyOption.REPLACE_EXISTING);
            } catch (IOException e) {
                throw new ImageFailure("could not swap", e);
            }
        }

        @Override
        public Path aside() {
            return disk(sandbox).resolve("aside.ext4");
        }

        @Override
        public void dropAside() {
            try {
                Files.deleteIfExists(aside());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void restoreAside() {
            try {
                if (Files.exists(aside())) {
                    Files.move(aside(), image(), StandardCopyOption.REPLACE_EXISTING);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() {
            unmount();
            roots.remove(sandbox);
            try (Stream<Path> files = Files.list(disk(sandbox))) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
                Files.delete(disk(sandbox));
            } catch (NoSuchFileException e) {
                return;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
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
}
