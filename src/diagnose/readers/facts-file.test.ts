import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020";
import fc from "fast-check";
import { parse } from "yaml";
import { parseCidr } from "../../base/ipv4.ts";
import { formatCheckError } from "../../text/check-error.ts";
import type { FactsPart } from "../facts/model.ts";
import { readFactsFile } from "./facts-file.ts";

const SCHEMA = JSON.parse(readFileSync(`${import.meta.dir}/../../../docs/schemas/facts.v1.json`, "utf8")) as object;
const isValid = new Ajv({ allowUnionTypes: true }).compile(SCHEMA);

function factsOf(text: string): FactsPart {
  const result = readFactsFile(text, "facts.yaml");
  if (result.errors !== undefined) throw new Error(result.errors.map(formatCheckError).join("\n"));
  return result.facts;
}

const errorsOf = (text: string): string[] => (readFactsFile(text, "facts.yaml").errors ?? []).map(formatCheckError);

const WHOLE = `env:
  ENABLE_PREFIX_DELEGATION: "true"
  WARM_IP_TARGET: 5
cniVersion: v1.18.1
kubernetesVersion: 1.29
os: Amazon Linux 2
region: us-west-2
instanceTypes: [m5.large, c5.xlarge]
kubelet:
  maxPods: "110"
nodeBootstrap: --use-max-pods false --kubelet-extra-args '--max-pods=70'
addonConfigurationValues: '{"env":{"WARM_ENI_TARGET":"2"}}'
subnets:
  - {id: subnet-0aaa, cidr: 10.0.1.0/24, availableIpAddressCount: 120, freePrefixCount: 0, az: us-west-2a}
eniConfigs: [us-west-2a]
fleet: {nodes: 12, pods: 400}
nodes:
  - {instanceType: m5.large, maxPods: 110, addresses: 32}
  - {instanceType: c5.xlarge}
provisioner: Karpenter
iamPolicy: arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy
notes: since Monday
`;

describe("a facts file with every key", () => {
  const facts = factsOf(WHOLE);

  test("env is declared, not whole, and keeps the place of each value", () => {
    const [env, addon] = facts.settings ?? [];
    expect(env).toMatchObject({ origin: "facts", layer: "declared", isComplete: false });
    expect(env?.env).toMatchObject([
      {
        name: "ENABLE_PREFIX_DELEGATION",
        value: "true",
        isString: true,
        at: { file: "facts.yaml", line: 2, column: 29 },
      },
      { name: "WARM_IP_TARGET", value: "5", isString: false, at: { line: 3, column: 19 } },
    ]);
    expect(addon).toMatchObject({ origin: "addon", env: [{ name: "WARM_ENI_TARGET", value: "2", at: { line: 12 } }] });
  });

  test("versions are kept as written", () => {
    expect(facts.versions?.map((one) => `${one.component} ${one.version}`)).toEqual(["cni v1.18.1", "kubernetes 1.29"]);
  });

  test("what is said of booting nodes is one bootstrap; kubelet's own number counts before the argument's", () => {
    expect(facts.bootstraps).toHaveLength(1);
    expect(facts.bootstraps?.[0]).toMatchObject({
      origin: "facts",
      osFamily: { value: "al2" },
      maxPods: { value: 110, at: { line: 10, column: 12 } },
      useMaxPods: { value: false },
      instanceTypes: [{ value: "m5.large" }, { value: "c5.xlarge" }],
    });
  });

  test("each entry of nodes is one node", () => {
    expect(
      facts.nodes?.map((node) => [node.key, node.instanceType?.value, node.maxPods?.value, node.addressCount?.value]),
    ).toEqual([
      ["node-1", "m5.large", 110, 32],
      ["node-2", "c5.xlarge", undefined, undefined],
    ]);
  });

  test("subnets, ENIConfigs, fleet, provisioner, policy, notes", () => {
    expect(facts.subnets).toEqual([
      {
        id: "subnet-0aaa",
        cidr: parseCidr("10.0.1.0/24"),
        availableIpAddressCount: 120,
        freePrefixCount: 0,
        zone: "us-west-2a",
        tags: new Map(),
        isLive: true,
        at: { file: "facts.yaml", line: 14, column: 5 },
      },
    ]);
    expect(facts.eniConfigs).toMatchObject([{ name: "us-west-2a", securityGroupIds: [] }]);
    expect(facts.fleet).toMatchObject({ nodeCount: { value: 12 }, podCount: { value: 400 } });
    expect(facts.provisioner?.value).toBe("Karpenter");
    expect(facts.iamPolicies?.[0]?.managedPolicies.map((one) => one.value)).toEqual([
      "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    ]);
    expect(facts.notes).toEqual(["since Monday"]);
    expect(facts.read).toEqual([{ file: "facts.yaml", kind: "facts file" }]);
  });
});

test("arguments of bootstrap.sh set no max-pods on an image that does not run it", () => {
  const [bootstrap] = factsOf("os: AL2023\nnodeBootstrap: --kubelet-extra-args '--max-pods=70'\n").bootstraps ?? [];
  expect(bootstrap?.maxPods).toBeUndefined();
  expect(bootstrap?.bootstrapArguments?.value).toBe("--kubelet-extra-args '--max-pods=70'");
  expect(factsOf("nodeBootstrap: --kubelet-extra-args '--max-pods=70'\n").bootstraps?.[0]?.maxPods?.value).toBe(70);
});

test("a policy may be a name, actions, a document as map or as JSON", () => {
  const policy = (text: string) => factsOf(`iamPolicy: ${text}\n`).iamPolicies?.[0];
  expect(policy("AmazonEKS_CNI_Policy")?.managedPolicies).toMatchObject([{ value: "AmazonEKS_CNI_Policy" }]);
  expect(policy("[ec2:DescribeSubnets, ec2:Assign*]")?.statements).toMatchObject([
    { effect: "Allow", actions: ["ec2:DescribeSubnets", "ec2:Assign*"] },
  ]);
  const statement = { effect: "Deny", actions: ["ec2:CreateTags"], conditionKeys: ["aws:RequestTag/x"] };
  const json = `{"Statement":[{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"Null":{"aws:RequestTag/x":"true"}}}]}`;
  expect(policy(json)?.statements).toMatchObject([statement]);
  expect(policy(`'${json}'`)?.statements).toMatchObject([statement]);
});

test("a policy of which a statement cannot be read is an error, never a policy that allows less", () => {
  const half = '{"Statement":[{"Effect":"Allow","Action":"ec2:*"},{"Action":"ec2:CreateTags"}]}';
  for (const text of [half, "{}", "[]", "'ec2: everything'"]) expect(errorsOf(`iamPolicy: ${text}\n`)).toHaveLength(1);
});

test("an unknown key is an error with its place and the key that was meant", () => {
  expect(errorsOf("region: us-west-2\ncniVerson: v1\n")).toEqual([
    'facts.yaml:2:1: unknown key "cniVerson" in the facts file; did you mean "cniVersion"?',
  ]);
  expect(errorsOf("subnets:\n  - id: subnet-0aaa\n    zone: us-west-2a\n")[0]).toStartWith(
    'facts.yaml:3:5: unknown key "zone" in "subnets[0]"',
  );
});

test("a variable that the agent does not read is told with the one that was meant, and is no error", () => {
  const { facts } = readFactsFile("env:\n  WARM_IP_TARGETT: 5\n  MY_OWN: 1\n", "facts.yaml");
  expect(facts?.unread).toEqual([
    {
      file: "facts.yaml",
      line: 2,
      reason: "the agent reads no variable WARM_IP_TARGETT; did you mean WARM_IP_TARGET?",
    },
  ]);
});

test("all errors of a file are told at once", () => {
  const errors = errorsOf(
    "kubelet: {maxPods: many}\ninstanceTypes: [large]\nfleet: 3\nsubnets: [{cidr: 10.0.0.0/99}]\nnotes: [{a: 1}]\n",
  );
  expect(errors.map((error) => error.split(" ")[0])).toEqual([
    "facts.yaml:1:20:",
    "facts.yaml:2:16:",
    "facts.yaml:4:18:",
    "facts.yaml:3:8:",
    "facts.yaml:5:9:",
  ]);
});

test("broken YAML, a list and two documents are errors; an empty file is not", () => {
  for (const text of ["a: [1\n", "- region\n", "region: a\n---\nregion: b\n", "addonConfigurationValues: '{'\n"]) {
    expect(errorsOf(text).length).toBeGreaterThan(0);
  }
  for (const text of ["", "# nothing yet\n", "env:\n"]) expect(errorsOf(text)).toEqual([]);
});

test("the published schema agrees with the reader", () => {
  const good = [
    WHOLE,
    "env: {A: 1}\n",
    "notes: [a, b]\n",
    "iamPolicy: [ec2:Assign*]\n",
    "instanceTypes: m5.large\n",
    "subnets: [{cidr: 10.0.0.0/24}]\n",
    "kubernetesVersion: 1.29\n",
  ];
  const bad = [
    "subnet: []\n",
    "kubelet: {maxPods: 0}\n",
    "fleet: {node: 1}\n",
    "nodes: 3\n",
    "instanceTypes: [large]\n",
    "iamPolicy: {a: 1}\n",
    "cniVersion: latest\n",
  ];
  for (const text of good) {
    expect(isValid(parse(text)) ? [] : isValid.errors).toEqual([]);
    expect(errorsOf(text)).toEqual([]);
  }
  for (const text of bad) {
    expect(isValid(parse(text))).toBe(false);
    expect(errorsOf(text).length).toBeGreaterThan(0);
  }
});

test("no text throws", () => {
  const pieces = fc.constantFrom(...WHOLE.split(/(?<=[:\n{[,])/), "&a ", "*a", "<<: *a\n", "\t", "- ");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 40 }).map((list) => list.join("")),
      ),
      (text) => {
        const result = readFactsFile(text, "facts.yaml");
        expect(result.facts ?? result.errors).toBeDefined();
      },
    ),
  );
});
