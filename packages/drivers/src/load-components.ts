import { readdir } from "node:fs/promises";
import { VigilError } from "@vigil/shared";
import { apiName, type Component } from "./component.js";

/**
 * Every component of this package: each folder beside this file that has an `index.js` is one, and exports it as
 * `component`. Sorted by folder. Nothing else lists them, so a further component is one more folder.
 * @throws VigilError("internal") for a folder whose index exports none, or two folders for one API.
 */
export async function loadComponents(): Promise<readonly Component[]> {
  const here = new URL(".", import.meta.url);
  const folders = (await readdir(here, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const components = new Map<string, Component>();
  for (const folder of folders) {
    const inside = await readdir(new URL(`${folder}/`, here));
    if (!inside.includes("index.js")) continue;
    const { component } = (await import(new URL(`${folder}/index.js`, here).href)) as { component?: Component };
    if (!component) {
      throw new VigilError("internal", `the folder "${folder}" has an index without \`component\`: export one`);
    }
    const api = apiName(component.api);
    if (components.has(api)) {
      throw new VigilError("internal", `two folders serve ${api}, "${folder}" among them: remove one`);
    }
    components.set(api, component);
  }
  return [...components.values()];
}
