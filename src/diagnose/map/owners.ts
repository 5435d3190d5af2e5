// Whose an ENI is: the kind of owner as EC2's own fields tell it, and the unit that comes or goes as one (a node with all its
// ENIs, one load balancer). Where the fields do not tell, the kind is `unknown`; nothing is concluded from a name alone that
// a person could have given, except in the forms that AWS services and the CNI write themselves.

import type { EniFact, Facts, InstanceFact, NodeFact, Tags } from "../facts/model.ts";

export const OWNER_KINDS = [
  "node-primary",
  "node-secondary",
  "trunk",
  "branch",
  "leaked",
  "detached",
  "instance",
  "eks-control-plane",
  "load-balancer",
  "nat-gateway",
  "vpc-endpoint",
  "lambda",
  "rds",
  "efs",
  "fsx",
  "elasticache",
  "opensearch",
  "redshift",
  "msk",
  "transit-gateway",
  "directory-service",
  "dns-resolver",
  "ecs-task",
  "aws-service",
  "unknown",
] as const;

/**
 * `leaked`: made by the CNI, in status `available`: nobody's (or just being attached). `detached`: any other `available` ENI.
 * `instance`: attached to an EC2 instance that nothing shows to be a node. `aws-service`: has a requester that is not known here.
 */
export type OwnerKind = (typeof OWNER_KINDS)[number];

export interface EniOwner {
  readonly kind: OwnerKind;
  /** The same for all ENIs that go together: `node/ip-10-0-0-7.ec2.internal`, `load-balancer/app/web/0a1b`, `eni/eni-0abc`. */
  readonly unit: string;
  /** For people: the node's name, the load balancer's, the description; the ENI's id where there is none. */
  readonly name: string;
  readonly node?: string | undefined;
  readonly instanceId?: string | undefined;
  /** The instance is stopped; its ENIs keep all their addresses. */
  readonly isStopped?: boolean | undefined;
  readonly cluster?: string | undefined;
}

interface Form {
  readonly kind: OwnerKind;
  /** Normalised interface type. */
  readonly type?: string;
  readonly requester?: RegExp;
  /** The first group, where there is one, names the owner. */
  readonly description?: RegExp;
}

/** Tried in order; any of the fields is enough. Types: EC2 API model; descriptions and requesters: as the services write them. */
const FORMS: readonly Form[] = [
  { kind: "nat-gateway", type: "natgateway", description: /^Interface for NAT Gateway (nat-\w+)/ },
  { kind: "vpc-endpoint", type: "vpcendpoint", description: /^VPC Endpoint Interface (vpce-\w+)/ },
  { kind: "vpc-endpoint", type: "gatewayloadbalancerendpoint" },
  { kind: "load-balancer", type: "networkloadbalancer" },
  { kind: "load-balancer", type: "gatewayloadbalancer" },
  { kind: "load-balancer", type: "loadbalancer", requester: /^amazon-elb$/, description: /^ELB (\S.*)$/ },
  {
    kind: "lambda",
    type: "lambda",
    description: /^AWS Lambda VPC ENI-(.+?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/,
  },
  { kind: "rds", requester: /^amazon-rds$/, description: /^RDSNetworkInterface$/ },
  { kind: "efs", type: "efs", description: /^EFS mount target for (fs-\w+)/ },
  { kind: "fsx", requester: /^amazon-fsx/, description: /^Created By Amazon FSx/i },
  { kind: "elasticache", requester: /^amazon-elasticache$/, description: /^ElastiCache[ +](\S+)/ },
  { kind: "opensearch", requester: /^amazon-(?:elasticsearch|opensearch)/, description: /^ES (\S+)$/ },
  { kind: "redshift", requester: /^amazon-redshift/, description: /^RedshiftNetworkInterface/ },
  { kind: "msk", description: /Amazon MSK network interface for cluster (\S+)/ },
  {
    kind: "transit-gateway",
    type: "transitgateway",
    description: /^Network Interface for Transit Gateway Attachment (tgw-attach-\w+)/,
  },
  { kind: "directory-service", description: /^AWS created network interface for directory (d-\w+)/ },
  { kind: "dns-resolver", description: /^Route 53 Resolver: (rslvr-\S+)/ },
  { kind: "ecs-task", description: /^arn:aws[\w-]*:ecs:[^:]*:\d+:attachment\/([\w-]+)/ },
  { kind: "eks-control-plane", description: /^Amazon EKS (\S.*)$/ },
];

const CNI_DESCRIPTION = /^aws-K8S-(i-\w+)/i;
const CNI_INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";

/** Services whose ENIs do not tell which database or share they belong to: each ENI is a unit of its own. */
const SINGLE_UNITS: ReadonlySet<OwnerKind> = new Set(["rds", "fsx", "redshift"]);

/** `nat_gateway`, `natGateway` and `NatGateway` are one: the CLI, the API and the filter spell it differently. */
function plainType(interfaceType: string): string {
  return interfaceType.toLowerCase().replace(/[_-]/g, "");
}

/** The cluster that tags name; the CNI's own tag first. */
export function clusterOfTags(tags: Tags): string | undefined {
  const named =
    tags.get("cluster.k8s.amazonaws.com/name") ?? tags.get("eks:cluster-name") ?? tags.get("aws:eks:cluster-name");
  if (named !== undefined && named !== "") return named;
  for (const key of tags.keys())
    if (key.startsWith("kubernetes.io/cluster/")) return key.slice("kubernetes.io/cluster/".length);
  return undefined;
}

/** Answers for each ENI of the facts; built once, then constant time an ENI. */
export function ownersOf(facts: Pick<Facts, "enis" | "instances" | "nodes">): (eni: EniFact) => EniOwner {
  const instances = new Map<string, InstanceFact>(facts.instances.map((one) => [one.id, one]));
  const nodes = new Map<string, NodeFact>();
  for (const node of facts.nodes) if (node.instanceId !== undefined) nodes.set(node.instanceId, node);
  const byName = new Map(facts.nodes.map((node) => [node.name, node]));
  for (const one of facts.instances) {
    const node = one.privateDnsName === undefined ? undefined : byName.get(one.privateDnsName);
    if (node !== undefined && !nodes.has(one.id)) nodes.set(one.id, node);
  }
  const workers = new Set<string>(nodes.keys());
  for (const one of facts.instances) if (clusterOfTags(one.tags) !== undefined) workers.add(one.id);
  for (const eni of facts.enis) if (eni.instanceId !== undefined && isOfCni(eni)) workers.add(eni.instanceId);
  return (eni) => {
    const { instanceId } = eni;
    if (instanceId === undefined) return looseOwner(eni);
    const instance = instances.get(instanceId);
    const cluster = clusterOfTags(eni.tags) ?? (instance === undefined ? undefined : clusterOfTags(instance.tags));
    const node = nodes.get(instanceId);
    const isStopped = instance?.state === "stopped";
    const name = node?.name ?? instance?.privateDnsName ?? instanceId;
    if (!workers.has(instanceId))
      return {
        kind: "instance",
        unit: `instance/${instanceId}`,
        name: instance?.tags.get("Name") ?? name,
        instanceId,
        isStopped,
        cluster,
      };
    return {
      kind: nodeKind(eni),
      unit: `node/${instanceId}`,
      name,
      node: node?.key ?? name,
      instanceId,
      isStopped,
      cluster,
    };
  };
}

/** Made by the CNI's agent, ours or AWS's. */
function isOfCni(eni: EniFact): boolean {
  return CNI_DESCRIPTION.test(eni.description) || eni.tags.has(CNI_INSTANCE_TAG);
}

function nodeKind(eni: EniFact): OwnerKind {
  if (plainType(eni.interfaceType) === "trunk") return "trunk";
  return eni.deviceIndex === 0 && (eni.networkCardIndex ?? 0) === 0 ? "node-primary" : "node-secondary";
}

/** Of an ENI that no instance holds. */
function looseOwner(eni: EniFact): EniOwner {
  const type = plainType(eni.interfaceType);
  const cluster = clusterOfTags(eni.tags);
  const alone = (kind: OwnerKind, name = eni.description || eni.id): EniOwner => ({
    kind,
    unit: `eni/${eni.id}`,
    name,
    cluster,
  });
  if (type === "branch") return alone("branch", eni.id);
  if (isOfCni(eni) && eni.status === "available") return alone("leaked", eni.id);
  for (const form of FORMS) {
    const named = form.description?.exec(eni.description);
    const isMatch =
      form.type === type ||
      (named !== undefined && named !== null) ||
      (form.requester !== undefined && eni.requesterId !== undefined && form.requester.test(eni.requesterId));
    if (!isMatch) continue;
    const name = named?.[1] ?? loadBalancerName(form.kind, eni.description);
    if (name === undefined || SINGLE_UNITS.has(form.kind)) return alone(form.kind);
    const owned = form.kind === "eks-control-plane" ? name : cluster;
    return { kind: form.kind, unit: `${form.kind}/${name}`, name, cluster: owned };
  }
  if (eni.status === "available") return alone("detached");
  if (eni.requesterId !== undefined && /^(?:amazon|aws)-/.test(eni.requesterId))
    return alone("aws-service", eni.description || eni.requesterId);
  return alone("unknown");
}

function loadBalancerName(kind: OwnerKind, description: string): string | undefined {
  return kind === "load-balancer" ? /^ELB (\S.*)$/.exec(description)?.[1] : undefined;
}
