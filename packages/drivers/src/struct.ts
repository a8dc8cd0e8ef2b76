import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ListValueSchema, NullValue, StructSchema, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { VigilError } from "@vigil/shared";
import type { Attributes } from "./resource.js";

/**
 * What a driver answers as a google.protobuf.Struct. Absent values are left out, big integers become doubles.
 * @throws VigilError("driver") for what JSON cannot say (functions, bytes), with its place.
 */
export function toStruct(values: Attributes, path = ""): JsonObject {
  const struct: JsonObject = {};
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) struct[key] = toJson(value, path === "" ? key : `${path}.${key}`);
  }
  return struct;
}

/** What a driver answers as a map of google.protobuf.Value; as {@link toStruct} otherwise. */
export function toValues(values: Attributes): Record<string, Value> {
  return valuesOf(toStruct(values));
}

function valuesOf(struct: JsonObject): Record<string, Value> {
  return Object.fromEntries(Object.entries(struct).map(([key, value]) => [key, toValue(value)]));
}

/** By hand, because fromJson refuses NaN and infinities, which the wire may carry (compat.md, section 4). */
function toValue(json: JsonValue): Value {
  return create(ValueSchema, { kind: kindOf(json) });
}

function kindOf(json: JsonValue): Value["kind"] {
  if (json === null) return { case: "nullValue", value: NullValue.NULL_VALUE };
  if (typeof json === "number") return { case: "numberValue", value: json };
  if (typeof json === "string") return { case: "stringValue", value: json };
  if (typeof json === "boolean") return { case: "boolValue", value: json };
  if (Array.isArray(json)) {
    return { case: "listValue", value: create(ListValueSchema, { values: json.map(toValue) }) };
  }
  return { case: "structValue", value: create(StructSchema, { fields: valuesOf(json) }) };
}

function toJson(value: unknown, path: string): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean" || typeof value === "number") {
    return value;
  }
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map((item, index) => toJson(item, `${path}[${index}]`));
  if (typeof value === "object" && !ArrayBuffer.isView(value)) return toStruct({ ...value }, path);
  const kind = ArrayBuffer.isView(value) ? "byte array" : typeof value;
  throw new VigilError("driver", `the driver answered with a value of type ${kind} at "${path}": JSON cannot say that`);
}
