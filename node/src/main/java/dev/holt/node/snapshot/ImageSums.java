package dev.holt.node.snapshot;

import dev.holt.node.runtime.ImageWitness;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Sums up the files of a memory image while they are written. */
public final class ImageSums implements ImageWitness {
    private final Map<Path, FileSum.Running> sums = new ConcurrentHashMap<>();

    @Override
    public Content begin(Path file) {
        FileSum.Running sum = new FileSum.Running();
        return new Content() {
            @Override
            public void bytes(ByteBuffer next) {
                sum.add(next);
            }

            @Override
            public void end() {
                sums.put(file, sum);
            }
        };
    }

    /** What {@code file} is, read from the disk where it was not seen being written. */
    FileSum of(Path file, String name) {
        FileSum.Running seen = sums.get(file);
        if (seen == null) {
            return FileSum.of(file, name);
        }
        FileSum sum = seen.sum(name);
        sum.requireSize(file);
        return sum;
    }
}
