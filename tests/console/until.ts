/** How often a condition is looked at; the runner's own limit bounds the wait. */
const LOOK_MS = 20;

/** Waits until `holds`. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
