package dev.holt.node.runtime;

import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Sees the files of a memory image while they are written, so that nobody has to read them from the disk again. */
@FunctionalInterface
public interface ImageWitness {
    /** One that looks at nothing. */
    ImageWitness NONE = file -> new Content() {
        @Override
        public void bytes(ByteBuffer next) {}

        @Override
        public void end() {}
    };

    /** A file begins. Files that an engine writes by itself are not told of. */
    Content begin(Path file);

    /** What one file holds; by one thread at a time. */
    interface Content {
        /** @param next what follows, in order; good until this returns */
        void bytes(ByteBuffer next);

        /** That was all of it. Not called after a failure. */
        void end();
    }
}
