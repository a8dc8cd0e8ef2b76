import assert from "node:assert/strict";
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { findProgram, inRepository, readRepositoryFile, run } from "./repository.js";

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly cap_drop: readonly string[];
  readonly read_only: boolean;
  readonly restart: string;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { readonly ipam?: { readonly config: readonly { subnet: string }[] } }>>;
}

const directory = "deploy/docker";
const composePath = `${directory}/compose.yaml`;
const compose = parse(readRepositoryFile(composePath), { merge: true }) as Compose;
const dockerfile = readRepositoryFile(`${directory}/Dockerfile`);
const gatewayConfig = JSON.parse(readRepositoryFile(`${directory}/gateway.json`)) as {
  webrtc: { udp_ports: string; host_addresses: string[] };
  metrics: { bind_address: string };
};

test("docker-compose accepts the file", (t) => {
  const program = findProgram("docker-compose");
  if (!program) return t.skip("DOCKER-COMPOSE IS MISSING: install the Debian package docker-compose");
  const { status, output } = run(program, ["-f", composePath, "config", "--quiet"]);
  assert.equal(status, 0, output);
});

for (const [name, service] of Object.entries(compose.services)) {
  test(`service ${name}: what it mounts, builds and names is there`, () => {
    for (const volume of service.volumes ?? []) {
      const [from = "", , mode] = volume.split(":");
      if (!from.startsWith(".")) {
        assert.ok(from in compose.volumes, `volume ${from} is not declared`);
        continue;
      }
      assert.ok(existsSync(inRepository(join(directory, from))), `${from} does not exist`);
      assert.equal(mode, "ro", `${from} can be written from inside`);
    }
    for (const secret of service.secrets ?? [])
      assert.ok(secret in compose.secrets, `secret ${secret} is not declared`);
    const networks = Array.isArray(service.networks) ? service.networks : Object.keys(service.networks);
    for (const network of networks) assert.ok(network in compose.networks, `network ${network} is not declared`);
    if (service.build) {
      assert.ok(existsSync(inRepository(join(directory, service.build.context, service.build.dockerfile))));
      assert.match(dockerfile, new RegExp(`^FROM \\S+ AS ${service.build.target}$`, "m"));
    }
  });

  test(`service ${name}: has no more rights than it needs and a fixed version`, () => {
    assert.deepEqual(service.cap_drop, ["ALL"]);
    assert.equal(service.read_only, true);
    assert.equal(service.restart, "always");
    assert.match(service.image, /:\D*\d+\.\d+/);
    for (const port of service.ports ?? []) {
      assert.match(port, /^(127\.0\.0\.1|\$\{VIGIL_HOST_ADDRESS:-127\.0\.0\.1\}):/, `${port} is open to all`);
    }
  });
}

test("Redis evicts nothing and keeps nothing", () => {
  const command = compose.services.redis?.command ?? [];
  assert.equal(command[command.indexOf("--maxmemory-policy") + 1], "noeviction");
  assert.equal(command[command.indexOf("--save") + 1], "");
  assert.equal(command[command.indexOf("--appendonly") + 1], "no");
});

test("the gateway's UDP ports are published under their own numbers, and its candidate is its own address", () => {
  const { ports = [], networks } = compose.services.gateway!;
  const range = gatewayConfig.webrtc.udp_ports;
  assert.ok(ports.some((port) => port.endsWith(`:${range}:${range}/udp`)));
  assert.match(dockerfile, new RegExp(`^EXPOSE 8080/tcp ${range}/udp$`, "m"));
  const address = Array.isArray(networks) ? undefined : (networks as Record<string, { ipv4_address?: string }>).robot;
  assert.deepEqual(gatewayConfig.webrtc.host_addresses, [address?.ipv4_address]);
  const subnet = compose.networks.robot?.ipam?.config[0]?.subnet ?? "";
  assert.ok(address?.ipv4_address?.startsWith(subnet.replace(/\.0\/24$/, ".")), `${subnet} holds no such address`);
});

test("Prometheus scrapes each service at the port of its configuration", () => {
  const { scrape_configs } = parse(readRepositoryFile("deploy/prometheus/prometheus.yml")) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const targets = scrape_configs.flatMap((job) => job.static_configs).flatMap((group) => group.targets);
  const expected = ["gateway", "main", "arm"].map((name) => {
    const { metrics } = JSON.parse(readRepositoryFile(`${directory}/${name}.json`)) as typeof gatewayConfig;
    return `${name}:${metrics.bind_address.split(":")[1]}`;
  });
  assert.deepEqual(targets, expected);
});

test("make-secrets.sh writes each secret once, out of the reach of other users", () => {
  const made = mkdtempSync(join(tmpdir(), "vigil-secrets-"));
  try {
    assert.equal(run("sh", [`${directory}/make-secrets.sh`, made]).status, 0);
    const names = readdirSync(made).sort();
    assert.deepEqual(
      names.map((name) => `./secrets/${name}`),
      Object.values(compose.secrets)
        .map(({ file }) => file)
        .sort(),
    );
    const stamp = () => names.map((name) => statSync(join(made, name), { bigint: true }).mtimeNs);
    assert.equal(statSync(made).mode & 0o077, 0);
    for (const name of names) assert.equal(statSync(join(made, name)).size, 64);
    const before = stamp();
    assert.equal(run("sh", [`${directory}/make-secrets.sh`, made]).status, 0);
    assert.deepEqual(stamp(), before);
  } finally {
    rmSync(made, { recursive: true });
  }
});

test("the Dockerfile copies only what is there, and what the ignore file lets through", () => {
  const ignored = readRepositoryFile(`${directory}/Dockerfile.dockerignore`).split("\n");
  const copies = [...dockerfile.matchAll(/^COPY (?!--from)(?:--\S+ )*(.+)$/gm)].map(([, rest = ""]) => rest.split(" "));
  assert.ok(copies.length > 0);
  for (const source of copies.flatMap((words) => words.slice(0, -1))) {
    assert.ok(existsSync(inRepository(source)), `${source} does not exist`);
    assert.ok(ignored.includes(`!${source}`), `${source} does not reach the build`);
  }
  assert.ok(ignored.includes("**/node_modules"));
});

test("the images run as nobody special, end on SIGTERM, have a PID 1 and a health check", () => {
  const stages = dockerfile.split(/^FROM /m);
  const final = (target: string) => stages.find((stage) => stage.includes(`AS ${target}\n`)) ?? "";
  assert.match(final("runtime"), /^USER node$/m);
  assert.match(final("runtime"), /^STOPSIGNAL SIGTERM$/m);
  for (const target of ["gateway", "part-agent"]) {
    assert.match(final(target), /^runtime AS /);
    assert.doesNotMatch(final(target), /^USER /m);
    assert.match(final(target), /^ENTRYPOINT \["\/usr\/bin\/tini", "--", /m);
    assert.match(
      final(target),
      /^HEALTHCHECK .*\\\n {2}CMD \["node", "\/usr\/lib\/vigil\/healthcheck.mjs", "http:.*\/healthz"\]$/m,
    );
  }
  for (const script of ["supervise-part.sh", "make-secrets.sh"])
    accessSync(inRepository(`${directory}/${script}`), constants.X_OK);
});
