import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatCidr } from "../base/ipv4.ts";
import type { Environment } from "../ipam/settings.ts";
import { type AgentConfig, formatListenAddress, parseAgentConfig, parseListenAddress } from "./config.ts";

const LOOPBACK = {
  AWS_ENDPOINT_URL_EC2: "http://127.0.0.1:8028",
  AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:8028/imds/i-1",
};

function accepted(env: Environment): AgentConfig {
  const parsed = parseAgentConfig({ ENABLE_IPv4: "true", ...env });
  if ("config" in parsed) return parsed.config;
  throw new Error(parsed.refusals.map((refusal) => refusal.message).join("; "));
}

function refusedFor(env: Environment): string[] {
  const parsed = parseAgentConfig({ ENABLE_IPv4: "true", ...env });
  return "config" in parsed ? [] : parsed.refusals.map((refusal) => refusal.variable);
}

test("without any variable the surfaces lie where the reference has them [design 6]", () => {
  expect(accepted({})).toMatchObject({
    policy: "slash28",
    seed: undefined,
    logLevel: "debug",
    logTarget: "/var/log/aws-routed-eni/ipamd.log",
    checkpointPath: "/var/run/aws-node/ipam.json",
    socketPath: "/var/run/aws-node/slash28.sock",
    grpcSocketPath: "/var/run/aws-node/ipamd.sock",
    grpcTcp: undefined,
    metricsAddress: { kind: "tcp", host: "0.0.0.0", port: 61_678 },
    introspectionAddress: { kind: "tcp", host: "127.0.0.1", port: 61_679 },
    imdsEndpoint: "http://169.254.169.254",
    httpTimeoutMs: 10_000,
  });
});

test("every surface can be moved or turned off [ipamd 1.3 AWS_VPC_K8S_CNI_BACKING_STORE, 1.3 HTTP_TIMEOUT]", () => {
  const config = accepted({
    SLASH28_SOCKET: "/t/s",
    SLASH28_GRPC_SOCKET: "/t/g",
    SLASH28_GRPC_TCP: "127.0.0.1:0",
    DISABLE_METRICS: "true",
    INTROSPECTION_BIND_ADDRESS: "unix:/t/i",
    AWS_VPC_K8S_CNI_BACKING_STORE: "/t/ipam.json",
    AWS_VPC_K8S_CNI_LOG_FILE: "stderr",
    AWS_VPC_K8S_CNI_LOGLEVEL: "WARN",
    SLASH28_SEED: "28",
    HTTP_TIMEOUT: "12",
    SLASH28_POLICY: "vpc-cni",
    SLASH28_ADD_DEADLINE: "2.5",
  });
  expect(config).toMatchObject({
    socketPath: "/t/s",
    grpcSocketPath: "/t/g",
    grpcTcp: { kind: "tcp", host: "127.0.0.1", port: 0 },
    metricsAddress: undefined,
    introspectionAddress: { kind: "unix", path: "/t/i" },
    checkpointPath: "/t/ipam.json",
    logTarget: "stderr",
    logLevel: "warn",
    seed: 28,
    httpTimeoutMs: 12_000,
    policy: "vpc-cni",
    settings: { addDeadlineMs: 2_500 },
  });
  expect(accepted({ HTTP_TIMEOUT: "3" }).httpTimeoutMs).toBe(10_000);
  expect(accepted({ AWS_VPC_K8S_CNI_LOGLEVEL: "chatty" }).logLevel).toBe("debug");
});

test("what contradicts itself is refused by the variable's name, all at once", () => {
  expect(refusedFor({ SLASH28_POLICY: "slash29" })).toEqual(["SLASH28_POLICY"]);
  for (const seconds of ["0", "-1", "30s", "1e1", "240"]) {
    expect(refusedFor({ SLASH28_ADD_DEADLINE: seconds })).toEqual(["SLASH28_ADD_DEADLINE"]);
  }
  expect(refusedFor({ SLASH28_LOOP_PROBE: "0" })).toEqual(["SLASH28_LOOP_PROBE"]);
  expect(refusedFor({ SLASH28_DATAPATH: "yes" })).toEqual(["SLASH28_DATAPATH"]);
  expect(refusedFor({ SLASH28_SEED: "x", SLASH28_METRICS_ADDRESS: "61678" })).toEqual([
    "SLASH28_SEED",
    "SLASH28_METRICS_ADDRESS",
  ]);
  expect(refusedFor({ ENABLE_IPv6: "true" })).toContain("ENABLE_IPv6");
  expect(refusedFor({ ENABLE_MULTI_NIC: "true" })).toEqual(["ENABLE_MULTI_NIC"]);
  expect(refusedFor({ AWS_ENDPOINT_URL_EC2: "ftp://x" })).toEqual(["AWS_ENDPOINT_URL_EC2"]);
  expect(refusedFor({ SLASH28_GRPC_TCP: "0.0.0.0:50051" })).toEqual(["SLASH28_GRPC_TCP"]);
  expect(refusedFor({ SLASH28_SOCKET: `/${"x".repeat(120)}` })).toEqual(["SLASH28_SOCKET"]);
  for (const path of ["slash28.sock", "./s", "run/s"]) {
    expect(refusedFor({ SLASH28_SOCKET: path })).toEqual(["SLASH28_SOCKET"]);
  }
  for (const variable of ["ENABLE_POD_ENI", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"]) {
    expect(refusedFor({ [variable]: "true" })).toEqual([variable]);
    expect(refusedFor({ [variable]: "true", SLASH28_FACTS: "/t/facts.json" })).toEqual([]);
  }
});

test("the endpoint of EC2 is the SDK's variable, not the one that the reference ignores too [ipamd 1.3 AWS_EC2_ENDPOINT]", () => {
  expect(accepted({ AWS_EC2_ENDPOINT: "http://127.0.0.1:1" }).ec2Endpoint).toBeUndefined();
  expect(accepted({ AWS_ENDPOINT_URL: "http://127.0.0.1:2" }).ec2Endpoint).toBe("http://127.0.0.1:2");
  expect(accepted({ AWS_ENDPOINT_URL: "http://127.0.0.1:2", ...LOOPBACK }).ec2Endpoint).toBe("http://127.0.0.1:8028");
});

test("time at another speed needs an emulator on this machine, for EC2 and for metadata", () => {
  const clock = { SLASH28_CLOCK: "1:2:3" };
  expect(refusedFor(clock)).toEqual(["SLASH28_CLOCK"]);
  expect(refusedFor({ ...clock, AWS_ENDPOINT_URL_EC2: LOOPBACK.AWS_ENDPOINT_URL_EC2 })).toEqual(["SLASH28_CLOCK"]);
  expect(refusedFor({ ...clock, ...LOOPBACK, AWS_ENDPOINT_URL_EC2: "http://127.0.0.1.example.com" })).toEqual([
    "SLASH28_CLOCK",
  ]);
  expect(refusedFor({ ...clock, ...LOOPBACK })).toEqual([]);
});

test("SNAT exclusions that are no IPv4 CIDRs are left out and named [ipamd 1.3 other]", () => {
  const config = accepted({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.1.0.0/16, banana,fd00::/8,10.2.0.0/16" });
  expect(config.network.excludedSnatCidrs.map(formatCidr)).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
  expect(config.warnings.map((warning) => warning.text).join()).toContain("banana");
});

test("introspection repeats the settings under their variables' names [ipamd 9.2]", () => {
  const config = accepted({ WARM_IP_TARGET: "5", AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none" });
  expect(config.ipamdEnv).toEqual({
    WARM_IP_TARGET: 5,
    WARM_ENI_TARGET: 1,
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: false,
    AWS_MANAGE_ENIS_NON_SCHEDULABLE: false,
    ENABLE_SUBNET_DISCOVERY: true,
  });
  expect(config.networkEnv).toMatchObject({
    AWS_VPC_K8S_CNI_CONNMARK: 128,
    AWS_VPC_ENI_MTU: 9001,
    AWS_VPC_K8S_CNI_RANDOMIZESNAT: 0,
  });
});

test("listen addresses read back what they print, and junk is none", () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const host = fc.constantFrom("127.0.0.1", "0.0.0.0", "localhost", "::1", "::");
  fc.assert(
    fc.property(host, port, (name, number) => {
      const address = { kind: "tcp", host: name, port: number } as const;
      expect(parseListenAddress(formatListenAddress(address))).toEqual(address);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseListenAddress(text)));
  for (const text of ["", "61678", "a:b", "1.2.3.4:", "1.2.3.4:70000", "::1:80", "unix:", "a:1:2"]) {
    expect(parseListenAddress(text)).toBeUndefined();
  }
});
