package dev.holt.node.guest;

/** A line of the guest's /etc/passwd. */
public record GuestUser(long uid, long gid, String name, String home, String shell) {
    static GuestUser decode(Payload payload) {
        GuestUser user = new GuestUser(
                Integer.toUnsignedLong(payload.u32()),
                Integer.toUnsignedLong(payload.u32()),
                payload.text(),
                payload.text(),
                payload.text());
        payload.end();
        return user;
    }
}
