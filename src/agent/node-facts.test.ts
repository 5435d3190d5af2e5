import { expect, test } from "bun:test";
import type { Ec2 } from "../ports/ec2.ts";
import type { Imds } from "../ports/imds.ts";
import { FactsError, readNodeFacts } from "./node-facts.ts";

const away = () => Promise.reject(new Error("is away"));

function sources(instanceType: string, instanceTypeLimits: Ec2["instanceTypeLimits"] = away) {
  const imds: Imds = {
    instance: async () => ({
      instanceId: "i-1",
      instanceType,
      region: "us-west-2",
      availabilityZone: "us-west-2a",
      localIpv4: "10.0.0.5",
      primaryMac: "02:00",
      primaryEniId: "eni-1",
      primarySubnetId: "subnet-1",
      vpcId: "vpc-1",
    }),
    enis: away,
    securityGroupIds: away,
    vpcCidrs: away,
  };
  const ec2: Ec2 = { call: away, instanceTypeLimits };
  const warnings: string[] = [];
  return {
    imds,
    ec2,
    kube: undefined,
    nodeName: "ip-10-0-0-5",
    warnings,
    warn: (text: string) => void warnings.push(text),
  };
}

test("without Kubernetes facts: the name from the environment, the published max-pods, and it says so [ipamd 1.3 MY_NODE_NAME, 10.1#31]", async () => {
  const from = sources("m5.large");
  const { facts } = await readNodeFacts(from);
  expect(facts).toMatchObject({ nodeName: "ip-10-0-0-5", maxPods: 29, isUnschedulable: false, eniConfig: undefined });
  expect(facts.limits).toEqual({ eniCountMax: 3, ipv4PerEni: 10, supportsPrefixes: true, isTrunkingCompatible: true });
  expect(from.warnings.join()).toContain("29");
});

test("a type that the table lacks is asked of EC2, and has 110 pods [ipamd 1.2.4, 6.1]", async () => {
  const from = sources("z99.huge", async () => ({ eniCountMax: 4, ipv4PerEni: 15, supportsPrefixes: true }));
  const { facts } = await readNodeFacts(from);
  expect(facts.limits).toEqual({ eniCountMax: 4, ipv4PerEni: 15, supportsPrefixes: true, isTrunkingCompatible: true });
  expect(facts.maxPods).toBe(110);
  expect(from.warnings).toEqual(["Using default maxPods as 110 because reading from file failed: no row for z99.huge"]);
});

test("limits that nobody knows end the start, with the type and the permission to look at [ipamd 1.2.4]", async () => {
  const failure = await readNodeFacts(sources("z99.huge")).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(FactsError);
  expect(failure).toMatchObject({
    message: "Failed to get ENI limits from file:vpc_ip_limits or EC2 for z99.huge: is away",
    next: expect.stringContaining("ec2:DescribeInstanceTypes"),
  });
});
