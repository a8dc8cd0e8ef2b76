import { create, type DescMessage, type JsonValue, mergeFromJson, toBinary } from "@bufbuild/protobuf";
import { VigilError } from "@vigil/shared";
import { fieldsToJson } from "./query-fields.js";

/** All that a request says of the message that it is to become. */
export interface RequestParts {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  readonly query: string;
  /** Fields that the path gives. */
  readonly fields: ReadonlyMap<string, string>;
}

const FORM = /^application\/x-www-form-urlencoded\b/i;

/**
 * The message that a request means, serialised. Viam's rules take every field that is not in the path from the query or
 * a form; a JSON body is taken as well, whatever its content type says (curl says "form" of everything). The query wins
 * over the body, the path over both.
 * @throws VigilError "bad_request" that says what cannot be read.
 */
export function readRequest(input: DescMessage, request: RequestParts): Uint8Array {
  const message = create(input);
  const parameters = new Map<string, string[]>();
  const body = readText(request.body);
  if (body !== "" && FORM.test(request.contentType ?? "") && !/^[{[]/.test(body)) collect(parameters, body);
  else if (body !== "") merge(input, message, parseBody(body));
  const query = new Map<string, string[]>();
  collect(query, request.query);
  for (const [name, values] of query) parameters.set(name, values);
  for (const [name, value] of request.fields) parameters.set(name, [value]);
  if (parameters.size > 0) merge(input, message, fieldsToJson(input, parameters));
  try {
    return toBinary(input, message);
  } catch (error) {
    throw unreadable(error);
  }
}

type Message = ReturnType<typeof create>;

function merge(input: DescMessage, message: Message, json: JsonValue): void {
  try {
    mergeFromJson(input, message, json, { ignoreUnknownFields: true });
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): VigilError {
  return new VigilError("bad_request", (error as Error).message, { cause: error });
}

function readText(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body).trim();
  } catch (error) {
    throw new VigilError("bad_request", "the body is not UTF-8 text", { cause: error });
  }
}

function parseBody(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new VigilError("bad_request", `the body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function collect(into: Map<string, string[]>, form: string): void {
  for (const [name, value] of new URLSearchParams(form)) into.set(name, [...(into.get(name) ?? []), value]);
}
