package dev.holt.node.guest;

/** A frame from the agent. */
record Frame(int type, byte[] bytes) {
    Payload payload() {
        return new Payload(bytes);
    }

    /** This frame if it is of {@code expected} type. */
    Frame expect(int expected) {
        if (type == FrameType.ERROR) {
            throw failure();
        }
        if (type != expected) {
            throw GuestFailure.protocol("a frame of type 0x%02x where 0x%02x was due".formatted(type, expected));
        }
        return this;
    }

    /** What an ERROR frame says. */
    GuestFailure failure() {
        Payload payload = payload();
        int number = payload.u32();
        String message = payload.text();
        payload.end();
        return new GuestFailure(number, message);
    }
}
