import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import {
  type DoCommandRequest,
  type GeometrySchema,
  type GetGeometriesRequest,
  KinematicsFileFormat,
} from "@vigil/protocol/gen/viam/common/v1/common_pb.js";
import type { CallContext } from "./component.js";
import type { Attributes, Resource, Shape } from "./resource.js";
import { toStruct } from "./struct.js";
import { unsupported } from "./unsupported.js";

/** DoCommand, GetStatus and GetGeometries, which all components share. */
export const commonHandlers = {
  async doCommand(resource: Resource, { command }: DoCommandRequest, { act }: CallContext) {
    return { result: toStruct(await resource.doCommand(command ?? {}, act)) };
  },
  async getStatus(resource: Resource) {
    if (resource.status) return { result: toStruct(await resource.status()) };
    return { result: resource.isMoving ? { is_moving: await resource.isMoving() } : {} };
  },
  async getGeometries(resource: Resource, { extra }: GetGeometriesRequest) {
    if (!resource.geometries) throw unsupported(resource.name, "GetGeometries");
    return { geometries: (await resource.geometries(extra ?? {})).map(toGeometry) };
  },
};

/** What has Stop and IsMoving, and must have them. */
export interface Stoppable extends Resource {
  stop(extra: Attributes): Promise<void>;
  isMoving(): Promise<boolean>;
}

/** Stop and IsMoving, which all actuators share. */
export const actuatorHandlers = {
  async stop(resource: Stoppable, { extra }: { extra?: JsonObject }) {
    await resource.stop(extra ?? {});
    return {};
  },
  async isMoving(resource: Stoppable) {
    return { isMoving: await resource.isMoving() };
  },
};

/** GetKinematics for whatever describes its joints in Viam's SVA form. */
export const kinematicsHandlers = {
  async getKinematics(
    resource: Resource & { kinematics(extra: Attributes): Promise<Attributes> },
    { extra }: { extra?: JsonObject },
  ) {
    const document = toStruct(await resource.kinematics(extra ?? {}));
    return { format: KinematicsFileFormat.SVA, kinematicsData: new TextEncoder().encode(JSON.stringify(document)) };
  },
};

function toGeometry({ label, center, solid }: Shape): MessageInitShape<typeof GeometrySchema> {
  // An orientation vector without rotation points along z (compat.md, section 3).
  const pose = { ...center, oX: 0, oY: 0, oZ: 1, theta: 0 };
  return solid.kind === "box"
    ? { label, center: pose, geometryType: { case: "box", value: { dimsMm: { x: solid.x, y: solid.y, z: solid.z } } } }
    : { label, center: pose, geometryType: { case: "sphere", value: { radiusMm: solid.radiusMm } } };
}
