package dev.holt.app.doctor;

/**
 * What one check found.
 *
 * @param check what was looked at
 * @param level whether Holt can live with it
 * @param found the facts
 * @param consequence what follows, empty when all is well
 * @param remedy how to mend it, empty when there is nothing to mend
 */
public record Finding(String check, Level level, String found, String consequence, String remedy) {
    /** How bad a finding is. */
    public enum Level {
        /** As it should be. */
        GOOD,
        /** Holt runs, with less. */
        LIMITED,
        /** Holt does not run. */
        BROKEN
    }

    static Finding good(String check, String found) {
        return new Finding(check, Level.GOOD, found, "", "");
    }

    static Finding limited(String check, String found, String consequence, String remedy) {
        return new Finding(check, Level.LIMITED, found, consequence, remedy);
    }

    static Finding broken(String check, String found, String consequence, String remedy) {
        return new Finding(check, Level.BROKEN, found, consequence, remedy);
    }
}
