import { type DescEnum, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { VigilError } from "@vigil/shared";

type Json = Record<string, JsonValue>;

/**
 * Fields of a message that came as text (in a query, a form or a path) as JSON that protobuf reads: "a.b" is field b of
 * the message in field a, by proto or JSON name. Unknown names are dropped, as in grpc-gateway.
 * @throws VigilError "bad_request" that names the parameter.
 */
export function fieldsToJson(message: DescMessage, fields: Iterable<readonly [string, readonly string[]]>): Json {
  const json = emptyJson();
  for (const [path, values] of fields) put(message, json, path, values);
  return json;
}

function put(message: DescMessage, json: Json, path: string, values: readonly string[]): void {
  const names = path.split(".");
  let inside: DescMessage = message;
  let target = json;
  for (const [at, name] of names.entries()) {
    const field = inside.fields.find((each) => each.name === name || each.jsonName === name);
    if (!field) return;
    if (at === names.length - 1) {
      target[field.name] = toJsonValue(field, path, values);
      return;
    }
    if (
      field.fieldKind !== "message" ||
      readText.has(field.message.typeName) ||
      asJsonText.has(field.message.typeName)
    ) {
      throw new VigilError("bad_request", `parameter "${path}": ${name} has no field ${names[at + 1]}`);
    }
    target[field.name] ??= emptyJson();
    const next = target[field.name];
    if (typeof next !== "object" || next === null || Array.isArray(next)) {
      throw new VigilError("bad_request", `parameter "${path}": ${name} was given as a whole already`);
    }
    inside = field.message;
    target = next;
  }
}

/** Without a prototype, so that no field's name meets an inherited member. */
function emptyJson(): Json {
  return Object.create(null) as Json;
}

function toJsonValue(field: DescField, path: string, values: readonly string[]): JsonValue {
  if (field.fieldKind === "list") {
    return values.map((text) => {
      if (field.listKind === "scalar") return scalarValue(field.scalar, path, text);
      return field.listKind === "enum" ? enumValue(field.enum, path, text) : messageValue(field.message, path, text);
    });
  }
  if (values.length > 1) throw new VigilError("bad_request", `parameter "${path}" is given more than once`);
  const text = values[0] ?? "";
  switch (field.fieldKind) {
    case "scalar":
      return scalarValue(field.scalar, path, text);
    case "enum":
      return enumValue(field.enum, path, text);
    case "map":
      return parseJson(path, text);
    case "message":
      return messageValue(field.message, path, text);
  }
}

/** Go's spellings of a boolean, which grpc-gateway takes. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

function scalarValue(type: ScalarType, path: string, text: string): JsonValue {
  if (type !== ScalarType.BOOL) {
    const isText = type === ScalarType.STRING || type === ScalarType.BYTES;
    // Numbers may stand in quotes in protobuf's JSON; only its own texts for "no number" are not of one's own making.
    if (isText || /^(?:[-+]?[\d.]+(?:e[-+]?\d+)?|NaN|-?Infinity)$/i.test(text)) return text.replace(/^\+(?=\d)/, "");
    throw new VigilError("bad_request", `parameter "${path}": "${text}" is no number`);
  }
  const value = BOOLEANS.get(text);
  if (value === undefined) throw new VigilError("bad_request", `parameter "${path}": "${text}" is not true or false`);
  return value;
}

function enumValue(type: DescEnum, path: string, text: string): JsonValue {
  const value = type.values.find(({ name, number }) => name === text || String(number) === text);
  if (value) return value.name;
  const names = type.values.map(({ name }) => name).join(", ");
  throw new VigilError("bad_request", `parameter "${path}": "${text}" is none of ${names}`);
}

/** Well-known messages whose JSON is a text. */
const readText: ReadonlySet<string> = new Set(
  ["Timestamp", "Duration", "FieldMask", "StringValue", "BytesValue"].map((name) => `google.protobuf.${name}`),
);
/** Well-known messages that have no fields in JSON either. */
const asJsonText: ReadonlySet<string> = new Set(
  ["Struct", "Value", "ListValue", "Any"].map((name) => `google.protobuf.${name}`),
);

function messageValue({ typeName }: DescMessage, path: string, text: string): JsonValue {
  return readText.has(typeName) ? text : parseJson(path, text);
}

function parseJson(path: string, text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new VigilError("bad_request", `parameter "${path}" must be JSON: ${(error as Error).message}`);
  }
}
