export type Direction = "forward" | "back" | "left" | "right";

/** By `KeyboardEvent.code`, so that the four keys form the same cross on every keyboard layout. */
const BY_CODE: Readonly<Record<string, Direction>> = {
  KeyW: "forward",
  KeyS: "back",
  KeyA: "left",
  KeyD: "right",
  ArrowUp: "forward",
  ArrowDown: "back",
  ArrowLeft: "left",
  ArrowRight: "right",
};

/**
 * The direction a key press asks for; null when it is none, or when the focused control needs the key for itself:
 * arrows in a slider or a list, letters in a text field.
 */
export function directionOf(event: KeyboardEvent): Direction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const direction = BY_CODE[event.code];
  if (direction === undefined) return null;
  const { target } = event;
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return null;
  if (target instanceof HTMLInputElement) {
    const writes = target.type === "text" || target.type === "password";
    if (writes || (target.type !== "checkbox" && event.code.startsWith("Arrow"))) return null;
  }
  return direction;
}

/** The held directions as one drive, opposite ones cancelling out; `power` from 0 to 1. */
export function driveOf(held: ReadonlySet<Direction>, power: number): { forward: number; left: number } {
  const axis = (plus: Direction, minus: Direction) => (Number(held.has(plus)) - Number(held.has(minus))) * power;
  return { forward: axis("forward", "back"), left: axis("left", "right") };
}
