package dev.holt.control.rest;

/** Answers one operation, on the request's own virtual thread. */
@FunctionalInterface
public interface Route {
    /** @throws dev.holt.control.contract.ApiException for every error that the client should hear of */
    Answer answer(Call call);
}
