/**
 * What the kernel offers and Java does not: mounts, loop devices, ends of processes that are not our children. Every native call
 * of the node is made here, by FFM, and none of them changes a property of the calling thread (never setns or unshare: threads
 * that the JVM makes meanwhile would inherit the namespace for good). Used by runtime and image; uses nothing.
 */
@NullMarked
package dev.holt.node.linux;

import org.jspecify.annotations.NullMarked;
