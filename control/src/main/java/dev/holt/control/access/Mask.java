package dev.holt.control.access;

/**
 * What may be shown of a secret, in E2B's words.
 *
 * @param valueLength characters after the prefix
 */
public record Mask(String prefix, int valueLength, String maskedValuePrefix, String maskedValueSuffix) {}
