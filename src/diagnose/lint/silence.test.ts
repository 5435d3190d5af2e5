// What the rules must not say. Each case is near one that is found: the difference is what makes it right.

import { describe, expect, test } from "bun:test";
import type { ClusterRoleFact, FactsPart, InstanceFact, ServiceAccountFact } from "../facts/model.ts";
import {
  AT,
  cni,
  codes,
  conflist,
  eni,
  eniConfig,
  located,
  node,
  nodes,
  policy,
  reservation,
  settings,
  statement,
  subnet,
  tagged,
  types,
} from "./testing/hand-made.ts";

const PREFIX = { ENABLE_PREFIX_DELEGATION: "true" };
const IPV6 = { ENABLE_IPv4: "false", ENABLE_IPv6: "true", ENABLE_PREFIX_DELEGATION: "true" };
const CUSTOM = { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };
const ROLE = "kubernetes.io/role/cni";

/** Name, the rule, where it speaks, and where it must not. */
type Case = readonly [name: string, code: string, said: FactsPart, silent: FactsPart];

const ofAgent = eni({ ips: ["10.0.0.20", "10.0.0.21"], instanceId: "i-0aaa", description: "aws-K8S-i-0aaa" });

const account: ServiceAccountFact = {
  namespace: "kube-system",
  name: "aws-node",
  annotations: new Map([["eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/cni"]]),
  at: AT,
};

const ON_SETTINGS: readonly Case[] = [
  [
    "IPv6 has no pool to size",
    "PD1001",
    { settings: [settings({ MINIMUM_IP_TARGET: "32" })] },
    { settings: [settings({ ...IPV6, MINIMUM_IP_TARGET: "32" })] },
  ],
  [
    "without prefix mode no prefix target is needed",
    "PD1002",
    { settings: [settings({ ...PREFIX, WARM_PREFIX_TARGET: "0" })] },
    { settings: [settings({ WARM_PREFIX_TARGET: "0" })] },
  ],
  [
    "an empty cooldown is the default",
    "PD1008",
    { settings: [settings({ IP_COOLDOWN_PERIOD: "x" })] },
    { settings: [settings({ IP_COOLDOWN_PERIOD: "" })] },
  ],
  ["Helm quotes values itself", "PD1011", { settings: [bare("addon")] }, { settings: [bare("helm-values")] }],
  [
    "blanks around a boolean are another rule's",
    "PD1012",
    { settings: [settings({ ENABLE_POD_ENI: "on" })] },
    { settings: [settings({ ENABLE_POD_ENI: "false " })] },
  ],
  [
    "the empty JSON object and the empty text are no tags",
    "PD1018",
    { settings: [settings({ ADDITIONAL_ENI_TAGS: "[]" })] },
    { settings: [settings({ ADDITIONAL_ENI_TAGS: "{}" }), settings({ ADDITIONAL_ENI_TAGS: "" })] },
  ],
  [
    "what runs holds variables of other programs, too",
    "PD1015",
    { settings: [settings({ KUBE_DNS_PORT: "1" })] },
    { settings: [settings({ KUBE_DNS_PORT: "1" }, { layer: "running", origin: "running" })] },
  ],
  [
    "proxies and the SDK have variables of their own",
    "PD1015",
    { settings: [settings({ HTTPS_PROXI: "a" })] },
    { settings: [settings({ HTTPS_PROXY: "a", AWS_STS_REGIONAL_ENDPOINTS: "regional", GOMEMLIMIT: "1" })] },
  ],
  [
    "other keys of the chart are in their place",
    "PD1016",
    { settings: [settings({}, { otherKeys: settings({ WARM_IP_TARGET: "1" }).env })] },
    { settings: [settings({}, { otherKeys: settings({ enableNetworkPolicy: "true" }).env })] },
  ],
  [
    "a spare ENI counts with single addresses and no address target",
    "PD1030",
    { settings: [settings({ ...PREFIX, WARM_ENI_TARGET: "2" })] },
    { settings: [settings({ WARM_ENI_TARGET: "2" })] },
  ],
  [
    "one spare prefix is what the chart ships",
    "PD1031",
    { settings: [settings({ ...PREFIX, WARM_PREFIX_TARGET: "2", WARM_IP_TARGET: "5" })] },
    { settings: [settings({ ...PREFIX, WARM_PREFIX_TARGET: "1", WARM_IP_TARGET: "5" })] },
  ],
  [
    "a minimum that the warm target covers is not said to round up",
    "PD1034",
    { settings: [settings({ ...PREFIX, MINIMUM_IP_TARGET: "20", WARM_IP_TARGET: "5" })] },
    { settings: [settings({ ...PREFIX, MINIMUM_IP_TARGET: "20", WARM_IP_TARGET: "20" })] },
  ],
  [
    "keys as shipped are no mistake",
    "PD1037",
    { settings: [settings({ "warm-ip-target": "5" }, { origin: "configmap" })] },
    { settings: [settings({ "warm-ip-target": "1", "minimum-ip-target": "3" }, { origin: "configmap" })] },
  ],
  [
    "a warm target of a whole prefix is not small",
    "PD1040",
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "5" })] },
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "16" })] },
  ],
  [
    "prefix mode needs few calls",
    "PD1041",
    { settings: [settings({ WARM_IP_TARGET: "1" })], fleet: { nodeCount: located(100) } },
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "1" })], fleet: { nodeCount: located(100) } },
  ],
  [
    "true and True are one value",
    "PD1140",
    { settings: [settings({ ENABLE_POD_ENI: "true" }), settings({ ENABLE_POD_ENI: "f" }, { origin: "running" })] },
    { settings: [settings({ ENABLE_POD_ENI: "true" }), settings({ ENABLE_POD_ENI: "True" }, { origin: "running" })] },
  ],
  [
    "false asks for nothing, in whatever version",
    "PD1130",
    { settings: [settings({ ENABLE_SUBNET_DISCOVERY: "true" })], versions: [cni("v1.17.0")] },
    { settings: [settings({ ENABLE_SUBNET_DISCOVERY: "false" })], versions: [cni("v1.17.0")] },
  ],
  [
    "a ConfigMap's text may end in a line break",
    "PD1014",
    { settings: [settings({ MAX_ENI: "2 " })] },
    { settings: [settings({ MAX_ENI: "2 " }, { origin: "configmap" })] },
  ],
  [
    "names of the node and the pod differ by nature",
    "PD1140",
    { settings: [settings({ MAX_ENI: "2" }), settings({ MAX_ENI: "3" }, { origin: "running" })] },
    { settings: [settings({ MY_NODE_NAME: "a" }), settings({ MY_NODE_NAME: "b" }, { origin: "running" })] },
  ],
  [
    "an agent before v1.23.0 speaks to older policy agents",
    "PD1132",
    { versions: [cni("v1.23.0"), { ...cni("v1.2.0"), component: "network-policy-agent" }] },
    { versions: [cni("v1.22.4"), { ...cni("v1.2.0"), component: "network-policy-agent" }] },
  ],
  [
    "an old version without prefix mode is only old",
    "PD1131",
    { settings: [settings(PREFIX)], versions: [cni("v1.7.5")] },
    { settings: [settings({ ENABLE_PREFIX_DELEGATION: "false" })], versions: [cni("v1.7.5")] },
  ],
  [
    "other roles need not patch pods, nor without the annotation",
    "PD1152",
    { settings: [settings({ ANNOTATE_POD_IP: "true" })], clusterRoles: [role("aws-node")] },
    { settings: [settings({ ANNOTATE_POD_IP: "true" })], clusterRoles: [role("other")] },
  ],
  [
    "without the annotation the agent does not patch pods",
    "PD1152",
    { settings: [settings({ ANNOTATE_POD_IP: "true" })], clusterRoles: [role("aws-node")] },
    { settings: [settings({ ANNOTATE_POD_IP: "false" })], clusterRoles: [role("aws-node")] },
  ],
  [
    "what runs may repeat a variable: only the last counts, and nobody wrote it so",
    "PD1017",
    { settings: [twice("declared")] },
    { settings: [twice("running")] },
  ],
  [
    "in IPv6 mode another rule speaks of all targets",
    "PD1030",
    { settings: [settings({ ...PREFIX, WARM_ENI_TARGET: "2" })] },
    { settings: [settings({ ...IPV6, WARM_ENI_TARGET: "2" })] },
  ],
];

const ON_NODES: readonly Case[] = [
  [
    "one ENI more is enough for a target",
    "PD1042",
    { settings: [settings({ WARM_IP_TARGET: "20" })], bootstraps: [nodes({ instanceTypes: types("m5.large") })] },
    { settings: [settings({ WARM_IP_TARGET: "9" })], bootstraps: [nodes({ instanceTypes: types("m5.large") })] },
  ],
  [
    "capacity plus two host-network pods is allowed",
    "PD1060",
    { settings: [settings({})], nodes: [node("m5.large", 30)] },
    { settings: [settings({})], nodes: [node("m5.large", 29)] },
  ],
  [
    "nodes without aws-node are not judged by its capacity",
    "PD1060",
    { settings: [settings({})], nodes: [node("m5.large", 110)] },
    {
      settings: [settings({})],
      nodes: [node("m5.large", 110, { labels: new Map([["kubernetes.io/os", "windows"]]) })],
    },
  ],
  [
    "before v1.16.4 the trunk carried addresses",
    "PD1062",
    { settings: [settings({ ENABLE_POD_ENI: "true" })], nodes: [node("m5.large", 29)] },
    { settings: [settings({ ENABLE_POD_ENI: "true" })], nodes: [node("m5.large", 29)], versions: [cni("v1.15.0")] },
  ],
  [
    "a type without trunk loses no ENI",
    "PD1062",
    { settings: [settings({ ENABLE_POD_ENI: "true" })], nodes: [node("m5.large", 29)] },
    { settings: [settings({ ENABLE_POD_ENI: "true" })], nodes: [node("t3.large", 35)] },
  ],
  [
    "a number too large for the smaller type is another rule's",
    "PD1067",
    group(20, "m5.large", "m5.4xlarge"),
    group(60, "m5.large", "m5.4xlarge"),
  ],
  [
    "the image's own number is nobody's choice",
    "PD1073",
    { nodes: [node("m5.4xlarge", 200)] },
    { nodes: [node("m5.4xlarge", 234)] },
  ],
  [
    "with max-pods set the capacity rules speak",
    "PD1079",
    { settings: [settings(PREFIX)], bootstraps: [nodes({ instanceTypes: types("m4.large") })] },
    { settings: [settings(PREFIX)], bootstraps: [nodes({ instanceTypes: types("m4.large"), maxPods: located(20) })] },
  ],
  [
    "an EC2NodeClass of Windows has no prefixes of this kind",
    "PD1068",
    { settings: [settings(PREFIX)], bootstraps: [nodes({ origin: "karpenter-nodeclass" })] },
    {
      settings: [settings(PREFIX)],
      bootstraps: [nodes({ origin: "karpenter-nodeclass", osFamily: located("windows") })],
    },
  ],
  [
    "other arguments of bootstrap.sh are not about pods",
    "PD1070",
    { bootstraps: [nodes({ osFamily: located("al2023"), bootstrapArguments: located("--use-max-pods false") })] },
    { bootstraps: [nodes({ osFamily: located("al2023"), bootstrapArguments: located("--dns-cluster-ip 10.0.0.2") })] },
  ],
  [
    "IPv6 has no targets that an ENI could be too small for",
    "PD1042",
    { settings: [settings({ WARM_IP_TARGET: "20" })], bootstraps: [nodes({ instanceTypes: types("m5.large") })] },
    {
      settings: [settings({ ...IPV6, WARM_IP_TARGET: "200" })],
      bootstraps: [nodes({ instanceTypes: types("m5.large") })],
    },
  ],
  [
    "an expression raises the reserved memory, too",
    "PD1072",
    { bootstraps: [nodes({ origin: "nodeadm", instanceTypes: types("m5.large"), maxPods: located(110) })] },
    {
      bootstraps: [
        nodes({
          origin: "nodeadm",
          instanceTypes: types("m5.large"),
          maxPods: located(110),
          maxPodsExpression: located("110"),
        }),
      ],
    },
  ],
  [
    "kube-reserved in so many words is not the table's",
    "PD1072",
    { bootstraps: [bootstrapSh("--use-max-pods false --kubelet-extra-args '--max-pods=110'")] },
    { bootstraps: [bootstrapSh("--kubelet-extra-args '--max-pods=110 --kube-reserved=memory=1465Mi'")] },
  ],
  [
    "an expression is a max-pods, too",
    "PD1079",
    { settings: [settings(PREFIX)], bootstraps: [nodes({ instanceTypes: types("m4.large") })] },
    {
      settings: [settings(PREFIX)],
      bootstraps: [nodes({ instanceTypes: types("m4.large"), maxPodsExpression: located("20") })],
    },
  ],
  [
    "cordoned nodes grow where that is asked for",
    "PD1155",
    { settings: [settings({})], nodes: [node("m5.large", 29, { isUnschedulable: true })] },
    {
      settings: [settings({ AWS_MANAGE_ENIS_NON_SCHEDULABLE: "true" })],
      nodes: [node("m5.large", 29, { isUnschedulable: true })],
    },
  ],
  [
    "a type that cannot use prefixes holds single addresses rightly",
    "PD1143",
    { settings: [settings(PREFIX)], enis: [ofAgent], instances: [instance("m5.large")] },
    { settings: [settings(PREFIX)], enis: [ofAgent], instances: [instance("m4.large")] },
  ],
  [
    "an instance without aws-node is not a node",
    "PD1143",
    { settings: [settings(PREFIX)], enis: [ofAgent], instances: [instance("m5.large")] },
    { settings: [settings(PREFIX)], enis: [{ ...ofAgent, description: "" }], instances: [instance("m5.large")] },
  ],
  [
    "families that are listed are judged type by type, by the rules on capacity",
    "PD1066",
    pool("karpenter.k8s.aws/instance-category", "m"),
    pool("karpenter.k8s.aws/instance-family", "m5"),
  ],
  [
    "without prefix mode any type will do",
    "PD1079",
    { settings: [settings(PREFIX)], bootstraps: [nodes({ instanceTypes: types("m4.large") })] },
    { settings: [settings({})], bootstraps: [nodes({ instanceTypes: types("m4.large") })] },
  ],
];

const NAMED = tagged({ Name: "other" });
const LARGE_AND_SMALL = [
  subnet("10.0.0.0/26", NAMED),
  subnet("10.0.4.0/22", { id: "subnet-0bbb", ...tagged({ Name: "pods" }) }),
];

const ON_SUBNETS: readonly Case[] = [
  [
    "without prefix mode a small subnet is only small",
    "PD1080",
    { settings: [settings(PREFIX)], subnets: [subnet("10.0.0.0/27")] },
    { settings: [settings({})], subnets: [subnet("10.0.0.0/27")] },
  ],
  [
    "a public subnet that no node group names carries no pods",
    "PD1080",
    { settings: [settings(PREFIX)], subnets: [subnet("10.0.0.0/27")] },
    { settings: [settings(PREFIX)], subnets: [subnet("10.0.0.0/27", tagged({ "kubernetes.io/role/elb": "1" }))] },
  ],
  [
    "under custom networking the node's subnet carries no pods",
    "PD1080",
    {
      settings: [settings({ ...PREFIX, ...CUSTOM })],
      subnets: [subnet("10.0.0.0/27")],
      eniConfigs: [eniConfig("default", "subnet-0aaa")],
    },
    {
      settings: [settings({ ...PREFIX, ...CUSTOM })],
      subnets: [subnet("10.0.0.0/27"), subnet("10.0.4.0/22", { id: "subnet-0bbb" })],
      eniConfigs: [eniConfig("default", "subnet-0bbb")],
    },
  ],
  [
    "the agent's own ENIs are no strangers, nor those of instances",
    "PD1081",
    { settings: [settings(PREFIX)], subnets: [subnet("10.0.0.0/22")], enis: [eni()] },
    {
      settings: [settings(PREFIX)],
      subnets: [subnet("10.0.0.0/22")],
      enis: [eni({ description: "aws-K8S-i-0aaa" }), eni({ instanceId: "i-0aaa" })],
    },
  ],
  [
    "addresses in an explicit reservation are meant to be there",
    "PD1087",
    { enis: [eni()], reservations: [reservation("10.0.0.0/24")] },
    { enis: [eni()], reservations: [reservation("10.0.0.0/24", { type: "explicit" })] },
  ],
  [
    "a subnet that a node group uses is used",
    "PD1089",
    { settings: [settings({})], subnets: [subnet("100.64.0.0/20")] },
    {
      settings: [settings({})],
      subnets: [subnet("100.64.0.0/20")],
      bootstraps: [nodes({ subnetIds: [located("subnet-0aaa")] })],
    },
  ],
  [
    "an ENIConfig may name a tagged subnet",
    "PD1091",
    { settings: [settings(CUSTOM)], subnets: [subnet("10.0.0.0/22", tagged({ [ROLE]: "1" }))] },
    {
      settings: [settings(CUSTOM)],
      subnets: [subnet("10.0.0.0/22", tagged({ [ROLE]: "1" }))],
      eniConfigs: [eniConfig("default", "subnet-0aaa")],
    },
  ],
  [
    "fewer than 16 free addresses is full, not fragmented",
    "PD1093",
    { settings: [settings(PREFIX)], subnets: [free(16)] },
    { settings: [settings(PREFIX)], subnets: [free(15)] },
  ],
  [
    "a dump without any of the ENIConfigs' subnets is of something else",
    "PD1106",
    {
      subnets: [subnet("10.0.0.0/22", { isLive: true })],
      eniConfigs: [eniConfig("default", "subnet-0aaa"), eniConfig("other", "subnet-0ccc")],
    },
    { subnets: [subnet("10.0.0.0/22", { isLive: true })], eniConfigs: [eniConfig("other", "subnet-0ccc")] },
  ],
  [
    "labelled nodes find their ENIConfig",
    "PD1105",
    { settings: [settings(CUSTOM)], eniConfigs: [eniConfig("web", "subnet-0aaa")] },
    {
      settings: [settings(CUSTOM)],
      eniConfigs: [eniConfig("web", "subnet-0aaa")],
      nodes: [node("m5.large", 20, { labels: new Map([["k8s.amazonaws.com/eniConfig", "web"]]) })],
    },
  ],
  [
    "a small subnet without reservations is only small",
    "PD1086",
    { subnets: [subnet("10.0.0.0/28")], reservations: [reservation("10.0.0.0/28")] },
    { subnets: [subnet("10.0.0.0/28")] },
  ],
  [
    "a tagged subnet without cluster tags serves every cluster",
    "PD1090",
    { settings: [settings({ CLUSTER_NAME: "a" })], subnets: [ofCluster("b")] },
    { settings: [settings({ CLUSTER_NAME: "a" })], subnets: [subnet("10.0.0.0/22", tagged({ [ROLE]: "1" }))] },
  ],
  [
    "an agent that does not know its cluster does not look at the tags",
    "PD1090",
    { settings: [settings({ CLUSTER_NAME: "a" })], subnets: [ofCluster("b")] },
    { settings: [settings({ CLUSTER_NAME: "" })], subnets: [ofCluster("b")] },
  ],
  [
    "under custom networking tags decide nothing",
    "PD1089",
    { settings: [settings({})], subnets: [subnet("100.64.0.0/20")] },
    { settings: [settings(CUSTOM)], subnets: [subnet("100.64.0.0/20")] },
  ],
  [
    "a target of one prefix leaves room for 14 idle nodes",
    "PD1045",
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "17" })], subnets: [subnet("10.0.0.0/24")] },
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "16" })], subnets: [subnet("10.0.0.0/24")] },
  ],
  [
    "single addresses are not counted in prefixes",
    "PD1045",
    { settings: [settings({ ...PREFIX, WARM_IP_TARGET: "17" })], subnets: [subnet("10.0.0.0/24")] },
    { settings: [settings({ WARM_IP_TARGET: "17" })], subnets: [subnet("10.0.0.0/24")] },
  ],
  [
    "a subnet that no node class selects carries no prefixes",
    "PD1080",
    { settings: [settings(PREFIX)], bootstraps: [selecting({ Name: "*" })], subnets: [subnet("10.0.0.0/26", NAMED)] },
    { settings: [settings(PREFIX)], bootstraps: [selecting({ Name: "pods" })], subnets: LARGE_AND_SMALL },
  ],
  [
    "an ENIConfig uses its subnet, whatever the tag",
    "PD1088",
    { settings: [settings({})], subnets: [subnet("10.0.0.0/22", tagged({ [ROLE]: "0" }))] },
    { settings: [settings(CUSTOM)], subnets: [subnet("10.0.0.0/22", tagged({ [ROLE]: "0" }))] },
  ],
];

const ASSIGN = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface"];
const MANAGED = [located("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")];

const ON_POLICIES: readonly Case[] = [
  [
    "the managed policy beside it allows the rest",
    "PD1120",
    { iamPolicies: [policy([statement(ASSIGN)])] },
    { iamPolicies: [policy([statement(ASSIGN)]), policy([], { subject: "node", managedPolicies: MANAGED })] },
  ],
  [
    "wildcards allow, whatever their case",
    "PD1120",
    { iamPolicies: [policy([statement(ASSIGN)])] },
    { iamPolicies: [policy([statement(["EC2:*"])])] },
  ],
  [
    "v1.22.2 does not ask for security groups",
    "PD1122",
    { iamPolicies: [policy([statement(ASSIGN)])], versions: [cni("v1.22.1")] },
    { iamPolicies: [policy([statement(ASSIGN)])], versions: [cni("v1.22.2")] },
  ],
  [
    "with discovery off no version does",
    "PD1122",
    { iamPolicies: [policy([statement(ASSIGN)])], versions: [cni("v1.22.1")] },
    {
      iamPolicies: [policy([statement(ASSIGN)])],
      versions: [cni("v1.22.1")],
      settings: [settings({ ENABLE_SUBNET_DISCOVERY: "false" })],
    },
  ],
  [
    "a deny of somebody else, on some resource, or under a condition is not the agent's",
    "PD1123",
    { iamPolicies: [policy([statement(["ec2:*"], { effect: "Deny" })])] },
    {
      iamPolicies: [
        policy([statement(["ec2:*"], { effect: "Deny" })], { subject: "unknown" }),
        policy([statement(["ec2:*"], { effect: "Deny", resources: ["arn:aws:ec2:*:*:subnet/subnet-0aaa"] })]),
        policy([statement(["ec2:*"], { effect: "Deny", conditionKeys: ["aws:SourceIp"] })]),
      ],
    },
  ],
  [
    "tags that the agent sets itself need not be given",
    "PD1125",
    {
      settings: [settings({})],
      iamPolicies: [policy([statement(ASSIGN, { conditionKeys: ["aws:RequestTag/team"] })])],
    },
    {
      settings: [settings({})],
      iamPolicies: [policy([statement(ASSIGN, { conditionKeys: ["aws:RequestTag/eks:eni:owner", "ec2:Vpc"] })])],
    },
  ],
  [
    "a condition on other calls does not bear on ENIs",
    "PD1125",
    {
      settings: [settings({})],
      iamPolicies: [policy([statement(ASSIGN, { conditionKeys: ["aws:RequestTag/team"] })])],
    },
    {
      settings: [settings({})],
      iamPolicies: [policy([statement(["ec2:RunInstances"], { conditionKeys: ["aws:RequestTag/team"] })])],
    },
  ],
  [
    "roles of other service accounts trust others",
    "PD1126",
    { serviceAccounts: [account], iamPolicies: [trust("cni")] },
    { serviceAccounts: [account], iamPolicies: [trust("dns"), policy([], { name: "cni" })] },
  ],
];

const ON_CONFLISTS: readonly Case[] = [
  [
    "an MTU is the node plugin's alone",
    "PD1156",
    conflist({ type: "aws-cni", mtu: "9216" }),
    conflist({ type: "aws-cni", mtu: "" }, { type: "bridge", mtu: "9216" }),
  ],
  [
    "a bare number is another text than the reference wants",
    "PD1156",
    conflist({ type: "aws-cni", mtu: 1500 }),
    conflist({ type: "aws-cni", mtu: "1500" }),
  ],
  [
    "four characters fit",
    "PD1157",
    conflist({ type: "slash28-cni", vethPrefix: "abcde" }),
    conflist({ type: "slash28-cni", vethPrefix: "abcd" }),
  ],
  [
    "egress-cni prints a result too, others have no such key",
    "PD1158",
    conflist({ type: "aws-cni" }, { type: "egress-cni", logFile: "stdout" }),
    conflist({ type: "aws-cni", logFile: "stderr" }, { type: "other", logFile: "stdout" }),
  ],
  [
    "an empty mode is strict",
    "PD1159",
    conflist({ type: "aws-cni", enforcingMode: "permissive" }),
    conflist({ type: "aws-cni", enforcingMode: "" }),
  ],
  [
    "a list that calls it beside others is in order",
    "PD1160",
    conflist({ type: "portmap" }),
    conflist({ type: "aws-cni" }, { type: "cilium-cni" }),
  ],
  [
    "a version that cniVersions names is enough",
    "PD1161",
    versioned("aws-cni", "1.0", ["9.9.9"]),
    versioned("aws-cni", "9.9.9", ["0.4.0"]),
  ],
  [
    "another network's version is not looked at",
    "PD1161",
    versioned("aws-cni", "v1.0.0"),
    versioned("cilium", "v1.0.0"),
  ],
  [
    "the path of the namespace counts too, others' keys do not",
    "PD1162",
    conflist({ type: "aws-cni", hostNetns: "proc/1/ns/net" }),
    conflist({ type: "aws-cni", socketPath: "" }, { type: "other", socketPath: "s.sock" }),
  ],
];

function versioned(name: string, version: string, cniVersions: readonly string[] = []): FactsPart {
  const plugins = [{ type: located(name), at: AT }];
  return { conflists: [{ name, cniVersion: located(version), cniVersions, isCheckDisabled: false, plugins, at: AT }] };
}

for (const [title, cases] of [
  ["settings", ON_SETTINGS],
  ["conflists", ON_CONFLISTS],
  ["nodes", ON_NODES],
  ["subnets", ON_SUBNETS],
  ["policies", ON_POLICIES],
] as const) {
  describe(title, () => {
    for (const [name, code, said, silent] of cases) {
      test(`${code}: ${name}`, () => {
        expect(codes(said)).toContain(code);
        expect(codes(silent)).not.toContain(code);
      });
    }
  });
}

function bare(origin: "addon" | "helm-values") {
  return settings({}, { origin, env: [{ name: "MAX_ENI", value: "2", isString: false, at: AT }] });
}

function group(maxPods: number, ...names: string[]): FactsPart {
  return {
    settings: [settings({})],
    bootstraps: [nodes({ instanceTypes: types(...names), maxPods: located(maxPods) })],
  };
}

function selecting(tags: Readonly<Record<string, string>>) {
  return nodes({ origin: "karpenter-nodeclass", maxPods: located(40), subnetTags: [new Map(Object.entries(tags))] });
}

function bootstrapSh(text: string) {
  const more = { instanceTypes: types("m5.large"), maxPods: located(110), bootstrapArguments: located(text) };
  return nodes({ origin: "bootstrap.sh", ...more });
}

function free(availableIpAddressCount: number) {
  return subnet("10.0.0.0/22", { availableIpAddressCount, freePrefixCount: 0 });
}

function role(name: string): ClusterRoleFact {
  return { name, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }], at: AT };
}

function instance(instanceType: string): InstanceFact {
  return {
    id: "i-0aaa",
    instanceType,
    state: "running",
    attachments: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
  };
}

function ofCluster(name: string) {
  return subnet("10.0.0.0/22", tagged({ [ROLE]: "1", [`cni.networking.k8s.aws/cluster/${name}`]: "" }));
}

function pool(key: string, value: string): FactsPart {
  const requirements = [{ key, operator: "In", values: [value], at: AT }];
  return {
    settings: [settings({})],
    bootstraps: [
      nodes({ origin: "karpenter-nodepool", name: "web", nodeClass: "web", requirements }),
      nodes({ origin: "karpenter-nodeclass", name: "web", maxPods: located(110) }),
    ],
  };
}

function trust(name: string) {
  return policy([], { name, trustedSubjects: ["system:serviceaccount:kube-system:coredns"] });
}

function twice(layer: "declared" | "running") {
  const [first] = settings({ MAX_ENI: "2" }).env;
  const [second] = settings({ MAX_ENI: "3" }).env;
  const origin = layer === "declared" ? "daemonset" : "running";
  return settings({}, { layer, origin, env: first === undefined || second === undefined ? [] : [first, second] });
}
