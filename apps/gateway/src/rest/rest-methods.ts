import type { DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import type { Logger } from "@vigil/shared";
import type { PartApi } from "../routing/resource-directory.js";
import { createRuleTable, type HttpRule, parseHttpRule, type RuleMatch, type RuleTable } from "./http-rules.js";

/** A method that has an HTTP path. */
export interface RestMethod {
  /** "/package.Service/Method" */
  readonly name: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  /** It answers with any number of messages. */
  readonly streams: boolean;
}

/** The methods behind the paths below /api/v1: the gateway's own, and what the parts announced. */
export interface RestMethods {
  match(verb: string, path: string): RuleMatch<RestMethod>;
}

export interface RestMethodsDeps {
  readonly log: Pick<Logger, "warn">;
  /** Services of the gateway itself; no part can take their paths. */
  readonly own: readonly { readonly service: DescService; readonly rules: Readonly<Record<string, string>> }[];
  /** Descriptors of the parts' services: another array whenever what `apis` gives may have changed. */
  files(): readonly DescFile[];
  apis(): Iterable<Pick<PartApi, "service" | "rest">>;
}

type Entry = readonly [HttpRule, RestMethod];

export function createRestMethods(deps: RestMethodsDeps): RestMethods {
  let builtFrom: readonly DescFile[] | undefined;
  let table: RuleTable<RestMethod>;

  function entries(service: DescService, rules: Readonly<Record<string, string>>): Entry[] {
    return Object.entries(rules).flatMap(([name, text]): Entry[] => {
      const method = service.methods.find((each) => each.name === name);
      // What a part of another version announces must not keep the rest from being served.
      if (!method || (method.methodKind !== "unary" && method.methodKind !== "server_streaming")) {
        deps.log.warn({ service: service.typeName, method: name }, "an HTTP rule of a method that cannot have one");
        return [];
      }
      const { input, output } = method;
      const target = {
        name: `/${service.typeName}/${name}`,
        input,
        output,
        streams: method.methodKind === "server_streaming",
      };
      try {
        return [[parseHttpRule(text), target]];
      } catch (error) {
        deps.log.warn({ service: service.typeName, method: name }, (error as Error).message);
        return [];
      }
    });
  }

  function build(files: readonly DescFile[]): RuleTable<RestMethod> {
    const services = new Map(files.flatMap((file) => file.services).map((service) => [service.typeName, service]));
    const announced = [...deps.apis()].flatMap(({ service, rest }) => {
      const described = services.get(service);
      return described && rest ? entries(described, rest) : [];
    });
    return createRuleTable([...deps.own.flatMap(({ service, rules }) => entries(service, rules)), ...announced]);
  }

  return {
    match(verb, path) {
      const files = deps.files();
      if (files !== builtFrom) {
        table = build(files);
        builtFrom = files;
      }
      return table.match(verb, path);
    },
  };
}
