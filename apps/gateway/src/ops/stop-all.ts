import { type StopAllResult, VigilError } from "@vigil/shared";
import type { PartLink } from "../links/part-link.js";

/** Stops every actuator of every linked part, all parts at once; a part that is away is told as failed. */
export async function stopAllParts(
  parts: readonly string[],
  link: (part: string) => PartLink | undefined,
): Promise<StopAllResult> {
  const result: { stopped: StopAllResult["stopped"]; failed: StopAllResult["failed"] } = { stopped: [], failed: [] };
  await Promise.all(
    parts.map(async (part) => {
      const present = link(part);
      if (!present) {
        result.failed.push({ part, resource: "*", message: "the part is not linked; it stops by itself" });
        return;
      }
      try {
        const { resources } = await present.command({ case: "stopAll", value: {} });
        for (const { name, error } of resources) {
          if (error === "") result.stopped.push({ part, resource: name });
          else result.failed.push({ part, resource: name, message: error });
        }
      } catch (error) {
        result.failed.push({ part, resource: "*", message: VigilError.from(error).message });
      }
    }),
  );
  return result;
}
