import { describe, expect, test } from "bun:test";
import type { EniFact, InstanceFact, NodeFact } from "../facts/model.ts";
import { unitAdvice } from "./advice.ts";
import { type EniOwner, ownersOf } from "./owners.ts";

const AT = { file: "enis.json" };

function eni(given: Partial<EniFact>): EniFact {
  return {
    id: "eni-0abc",
    status: "in-use",
    description: "",
    interfaceType: "interface",
    addresses: [],
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
    ...given,
  };
}

function instance(given: Partial<InstanceFact>): InstanceFact {
  return {
    id: "i-0abc",
    instanceType: "m5.large",
    state: "running",
    attachments: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
    ...given,
  };
}

function node(given: Partial<NodeFact>): NodeFact {
  return {
    key: "ip-10-0-0-7",
    name: "ip-10-0-0-7",
    labels: new Map(),
    annotations: new Map(),
    taints: [],
    at: AT,
    ...given,
  };
}

function owner(
  given: Partial<EniFact>,
  more: { instances?: InstanceFact[]; nodes?: NodeFact[]; enis?: EniFact[] } = {},
): EniOwner {
  const one = eni(given);
  return ownersOf({ enis: [one, ...(more.enis ?? [])], instances: more.instances ?? [], nodes: more.nodes ?? [] })(one);
}

describe("whose an ENI is", () => {
  // Descriptions, types and requesters as the services write them.
  test.each([
    [
      { interfaceType: "nat_gateway", description: "Interface for NAT Gateway nat-0abc" },
      "nat-gateway",
      "nat-gateway/nat-0abc",
    ],
    [{ interfaceType: "natGateway" }, "nat-gateway", "eni/eni-0abc"],
    [
      { interfaceType: "vpc_endpoint", description: "VPC Endpoint Interface vpce-0abc" },
      "vpc-endpoint",
      "vpc-endpoint/vpce-0abc",
    ],
    [
      { requesterId: "amazon-elb", description: "ELB app/web/50dc6c495c0c9188" },
      "load-balancer",
      "load-balancer/app/web/50dc6c495c0c9188",
    ],
    [
      { interfaceType: "network_load_balancer", description: "ELB net/in/50dc6c495c0c9188" },
      "load-balancer",
      "load-balancer/net/in/50dc6c495c0c9188",
    ],
    [{ requesterId: "amazon-elb", description: "ELB classic" }, "load-balancer", "load-balancer/classic"],
    [
      { interfaceType: "lambda", description: "AWS Lambda VPC ENI-resize-7c9f8a31-0000-4000-8000-0123456789ab" },
      "lambda",
      "lambda/resize",
    ],
    [{ requesterId: "amazon-rds", description: "RDSNetworkInterface" }, "rds", "eni/eni-0abc"],
    [{ description: "EFS mount target for fs-0abc (fsmt-0def)" }, "efs", "efs/fs-0abc"],
    [
      { requesterId: "amazon-elasticache", description: "ElastiCache sessions-001" },
      "elasticache",
      "elasticache/sessions-001",
    ],
    [{ description: "Amazon EKS prod" }, "eks-control-plane", "eks-control-plane/prod"],
    [{ interfaceType: "branch", description: "aws-k8s-branch-eni" }, "branch", "eni/eni-0abc"],
    [{ status: "available", description: "aws-K8S-i-0gone" }, "leaked", "eni/eni-0abc"],
    [{ status: "pending", description: "aws-K8S-i-0new" }, "unknown", "eni/eni-0abc"],
    [{ status: "available", description: "mine" }, "detached", "eni/eni-0abc"],
    [{ requesterId: "amazon-something" }, "aws-service", "eni/eni-0abc"],
    [{ requesterId: "AROAEXAMPLE:session" }, "unknown", "eni/eni-0abc"],
    [{ description: "my RDSNetworkInterface notes" }, "unknown", "eni/eni-0abc"],
  ] as const)("%j is %s", (given, kind, unit) => {
    expect(owner(given)).toMatchObject({ kind, unit });
  });

  test("an instance is a node by its CNI's ENIs, by tags, or because Kubernetes says so; else it is just an instance", () => {
    const primary = { instanceId: "i-0abc", deviceIndex: 0 };
    expect(owner(primary).kind).toBe("instance");
    expect(
      owner(primary, { enis: [eni({ id: "eni-2", instanceId: "i-0abc", description: "aws-K8S-i-0abc" })] }).kind,
    ).toBe("node-primary");
    const tags = new Map([["kubernetes.io/cluster/prod", "owned"]]);
    expect(owner(primary, { instances: [instance({ tags })] })).toMatchObject({
      kind: "node-primary",
      cluster: "prod",
    });
    expect(owner(primary, { nodes: [node({ instanceId: "i-0abc" })] })).toMatchObject({
      kind: "node-primary",
      node: "ip-10-0-0-7",
    });
    expect(owner(primary, { nodes: [node({})], instances: [instance({ privateDnsName: "ip-10-0-0-7" })] }).name).toBe(
      "ip-10-0-0-7",
    );
  });

  test("all ENIs of a node are one unit, whatever their kind", () => {
    const nodes = [node({ instanceId: "i-0abc" })];
    const kinds = [{ deviceIndex: 0 }, { deviceIndex: 1 }, { deviceIndex: 2, interfaceType: "trunk" }].map((given) =>
      owner({ instanceId: "i-0abc", ...given }, { nodes }),
    );
    expect(kinds.map((one) => one.kind)).toEqual(["node-primary", "node-secondary", "trunk"]);
    expect(new Set(kinds.map((one) => one.unit))).toEqual(new Set(["node/i-0abc"]));
  });

  test("a stopped instance keeps its addresses, and that is told", () => {
    const stopped = owner({ instanceId: "i-0abc", deviceIndex: 0 }, { instances: [instance({ state: "stopped" })] });
    expect(stopped.isStopped).toBe(true);
    expect(unitAdvice(stopped, undefined)).toContain("i-0abc is stopped");
    const running = owner({ instanceId: "i-0abc", deviceIndex: 0 }, { instances: [instance({})] });
    expect(unitAdvice(running, undefined)).not.toContain("stopped");
  });

  test("device 0 of another network card is not the primary ENI", () => {
    expect(
      owner({ instanceId: "i-0abc", deviceIndex: 0, networkCardIndex: 1 }, { nodes: [node({ instanceId: "i-0abc" })] })
        .kind,
    ).toBe("node-secondary");
  });
});
