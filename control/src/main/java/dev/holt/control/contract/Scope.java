package dev.holt.control.contract;

/** Who may call an operation. */
public enum Scope {
    /** Anyone. */
    OPEN,
    /** Whoever acts for one team: an API key, an access token, or the admin token with a team. */
    TEAM,
    /** A user: an access token, or an API key that a user created. */
    USER,
    /** The admin token. */
    ADMIN
}
