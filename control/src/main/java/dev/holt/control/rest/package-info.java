/**
 * HTTP in and out: finding the operation, reading and checking the request, writing the answer or the error. Knows no
 * operation by name. Used by the packages that answer operations; uses contract and access.
 */
@NullMarked
package dev.holt.control.rest;

import org.jspecify.annotations.NullMarked;
