/**
 * What a method does to the robot; decides what the guard asks of its caller (rules.md, R5).
 *
 * - `read`: looks only; needs no session.
 * - `stop`: ends motion; runs for everyone, always.
 * - `move`: motion with an end of its own (GoFor, MoveToPosition); its caller becomes the owner.
 * - `move_endless`: motion that goes on until told otherwise (SetPower, SetVelocity, SetRPM); owner as well.
 * - `use`: anything else (DoCommand): its caller becomes a user, never the owner.
 *
 * A method that is not listed is `use`: an API may grow without losing its protection.
 */
export type MethodClass = "read" | "stop" | "move" | "move_endless" | "use";

/** The classes that need a live lease. */
export type GuardedClass = Exclude<MethodClass, "read" | "stop">;
