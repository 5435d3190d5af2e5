import { expect, test } from "bun:test";
import fc from "fast-check";
import type { FactsPart, Source } from "../../facts/model.ts";
import { objectsReader } from "../objects.ts";
import { CONFIG_HANDLERS, CONFIG_READERS, readBootstrapArguments } from "./index.ts";

const READERS = [objectsReader(CONFIG_HANDLERS), ...CONFIG_READERS];

/** What the first reader that recognises the text makes of it, as the collector would. */
function read(text: string, node?: string): FactsPart & { kind: string } {
  const reader = READERS.find((one) => one.recognises({ path: "f", head: text, isWhole: true }));
  if (reader === undefined) return { kind: "unrecognised" };
  const part = reader.read({ path: "f", text, node });
  return { ...part, kind: part.read?.[0]?.kind ?? "nothing" };
}

function at(source: Source | undefined): string {
  return `${source?.line}:${source?.column}`;
}

const DAEMON_SET = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: aws-node, namespace: kube-system}
spec:
  template:
    spec:
      initContainers:
        - name: aws-vpc-cni-init
          image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni-init:v1.18.3
          env:
            - {name: DISABLE_TCP_EARLY_DEMUX, value: "true"}
      containers:
        - name: aws-node
          image: 123456789012.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.18.3
          livenessProbe: {timeoutSeconds: 10}
          env:
            # pool
            - name: WARM_ENI_TARGET
              value: "2" # never read
            - name: WARM_IP_TARGET
              value: 5
            - name: MINIMUM_IP_TARGET
              valueFrom: {configMapKeyRef: {name: x, key: y}}
            - name: ENABLE_PREFIX_DELEGATION
              value: on
---
apiVersion: v1
kind: ConfigMap
metadata: {name: amazon-vpc-cni}
data:
  warm-ip-target: "1"
`;

test("the DaemonSet gives its environment, what it does not tell, and its versions; the ConfigMap is another source", () => {
  const part = read(DAEMON_SET);
  const [source, configMap] = part.settings ?? [];
  expect(source).toMatchObject({ origin: "daemonset", isComplete: true, untold: ["MINIMUM_IP_TARGET"] });
  expect(source?.env.map((one) => [one.name, one.value, one.isString, at(one.at)])).toEqual([
    ["WARM_ENI_TARGET", "2", true, "19:22"],
    ["WARM_IP_TARGET", "5", false, "21:22"],
    ["ENABLE_PREFIX_DELEGATION", "on", false, "25:22"],
  ]);
  expect(source?.initEnv).toMatchObject([{ name: "DISABLE_TCP_EARLY_DEMUX", value: "true" }]);
  expect(configMap).toMatchObject({ origin: "configmap", env: [{ name: "warm-ip-target", at: { line: 31 } }] });
  expect(part.versions?.map((one) => one.version)).toEqual(["v1.18.3", "v1.18.3"]);
  expect(part.daemonSets).toMatchObject([{ livenessTimeoutS: { value: 10 } }]);
});

test("an entry of a list goes whole, with its comment, and leaves the others", () => {
  const span = read(DAEMON_SET).settings?.[0]?.env[0]?.entrySpan;
  const text = DAEMON_SET.slice(0, span?.start) + DAEMON_SET.slice(span?.end);
  expect(text).toBe(
    DAEMON_SET.replace('            - name: WARM_ENI_TARGET\n              value: "2" # never read\n', ""),
  );
  expect(read(text).settings?.[0]?.env.map((one) => one.name)).toEqual(["WARM_IP_TARGET", "ENABLE_PREFIX_DELEGATION"]);
});

test("Helm values: env, other keys with their level, ENIConfigs; under the name of a parent chart too", () => {
  const part = read(`aws-vpc-cni:
  image: {tag: v1.19.0}
  WARM_IP_TARGET: "5"
  enableNetworkPolicy: "true"
  eniConfig:
    create: true
    subnets:
      us-west-2a: {id: subnet-0aaa, securityGroups: [sg-0abc]}
  env:
    ENABLE_PREFIX_DELEGATION: "true"
    WARM_ENI_TARGET: null
`);
  expect(part.kind).toBe("Helm values");
  expect(part.settings?.[0]?.otherKeys.map((one) => one.name)).toContain("WARM_IP_TARGET");
  expect(part.settings?.[0]).toMatchObject({ origin: "helm-values", untold: ["WARM_ENI_TARGET"], isComplete: false });
  expect(part.settings?.[0]?.env).toMatchObject([{ name: "ENABLE_PREFIX_DELEGATION", at: { line: 10, column: 31 } }]);
  expect(part.eniConfigs).toMatchObject([{ name: "us-west-2a", subnetId: { value: "subnet-0aaa" } }]);
  expect(part.versions).toMatchObject([{ version: "v1.19.0" }]);
});

test("the add-on's values: a bare JSON, and inside describe-addon", () => {
  const bare = read('{"env": {"ENABLE_PREFIX_DELEGATION": "true",\n "WARM_ENI_TARGET": 2}}');
  expect(bare.settings?.[0]).toMatchObject({
    origin: "addon",
    env: [{}, { isString: false, at: { line: 2, column: 21 } }],
  });
  const answer = read(`{
  "addon": {
    "addonName": "vpc-cni",
    "addonVersion": "v1.18.3-eksbuild.1",
    "configurationValues": "{\\"env\\":{\\"WARM_IP_TARGET\\":\\"5\\"}}"
  }
}`);
  expect(answer.settings).toMatchObject([
    { origin: "addon", env: [{ name: "WARM_IP_TARGET", value: "5", at: { line: 5 } }] },
  ]);
  expect(answer.versions).toMatchObject([{ component: "cni", version: "v1.18.3-eksbuild.1" }]);
});

const MIME = `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo hello
--//
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    config:
      maxPods: 70
    flags: ["--node-labels=a=b", "--max-pods=90"]

--//--
`;

test("user data: MIME parts, base64, shell scripts; a flag of kubelet beats its configuration", () => {
  const found = { maxPods: { value: 90 }, origin: "nodeadm" };
  expect(read(MIME).bootstraps).toMatchObject([{ ...found, maxPods: { value: 90, at: { line: 19, column: 34 } } }]);
  expect(read(Buffer.from(MIME).toString("base64")).bootstraps).toMatchObject([{ ...found, at: { line: 1 } }]);
  const script =
    "#!/bin/bash\nset -e\n# /etc/eks/bootstrap.sh old --max-pods=1\n/etc/eks/bootstrap.sh c --use-max-pods=false \\\n --kubelet-extra-args '--max-pods=110 --x'\n";
  const [bootstrap] = read(script).bootstraps ?? [];
  expect(bootstrap).toMatchObject({ origin: "bootstrap.sh", maxPods: { value: 110, at: { line: 4 } } });
  // Not parsed as meant by the script, so it says nothing here.
  expect(bootstrap?.useMaxPods).toBeUndefined();
});

test("of two NodeConfigs in one user data the later wins, field by field", () => {
  const first = MIME.replace("maxPods: 70", "maxPods: 10").replace(/ {4}flags.*\n/, '    maxPodsExpression: "110"\n');
  const second = MIME.replace(/ {4}flags.*\n/, "");
  const parts = first.replace("--//--\n", "") + second.slice(second.indexOf("--//\nContent-Type: application"));
  expect(read(parts).bootstraps).toMatchObject([{ maxPods: { value: 70 }, maxPodsExpression: { value: "110" } }]);
});

test("arguments of bootstrap.sh by themselves", () => {
  const given = "--use-max-pods false --kubelet-extra-args '--max-pods=70 --node-labels=a=b'";
  expect(readBootstrapArguments(given, { file: "f" })).toMatchObject({
    useMaxPods: { value: false },
    maxPods: { value: 70 },
    bootstrapArguments: { value: given },
  });
  expect(readBootstrapArguments('--kubelet-extra-args "--max-pods 50"', { file: "f" }).maxPods?.value).toBe(50);
  expect(readBootstrapArguments("--kubelet-extra-args=x", { file: "f" }).maxPods).toBeUndefined();
  expect(read(given).kind).toBe("bootstrap.sh arguments");
});

test("Bottlerocket's settings, and a mistake in them with its line", () => {
  const text = '# max-pods = 1\n[settings.kubernetes]\ncluster-name = "c"\nmax-pods = 110\n';
  expect(read(text).bootstraps).toMatchObject([
    { origin: "bottlerocket", maxPods: { value: 110, at: { line: 4, column: 12 } } },
  ]);
  const broken = read("[settings.kubernetes]\nmax-pods = = 1\n");
  expect(broken.bootstraps).toEqual([]);
  expect(broken.unread).toMatchObject([{ file: "f", line: 2 }]);
});

test("NodeConfig, kubelet's own configuration, Karpenter, ENIConfig and SecurityGroupPolicy", () => {
  const part = read(`apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: pods}
spec:
  template:
    spec:
      nodeClassRef: {kind: EC2NodeClass, name: class}
      requirements:
        - {key: karpenter.k8s.aws/instance-hypervisor, operator: In, values: [nitro]}
        - {key: node.kubernetes.io/instance-type, operator: In, values: [m5.large]}
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: class}
spec:
  amiSelectorTerms: [{alias: al2023@latest}]
  kubelet: {maxPods: 110, podsPerCore: 20}
  subnetSelectorTerms: [{id: subnet-0aaa}, {tags: {a: b}}]
  metadataOptions: {httpPutResponseHopLimit: 1, httpTokens: required}
---
apiVersion: crd.k8s.amazonaws.com/v1alpha1
kind: ENIConfig
metadata: {name: us-west-2a}
spec:
  subnet: subnet-0aaa
  securityGroups: [sg-0abc]
---
apiVersion: vpcresources.k8s.aws/v1beta1
kind: SecurityGroupPolicy
metadata: {name: db, namespace: apps}
spec: {securityGroups: {groupIds: [sg-0abc]}}
`);
  expect(part.bootstraps).toMatchObject([
    {
      origin: "karpenter-nodepool",
      nodeClass: "class",
      instanceTypes: [{ value: "m5.large" }],
      requirements: [{}, {}],
    },
    {
      origin: "karpenter-nodeclass",
      osFamily: { value: "al2023" },
      maxPods: { value: 110, at: { line: 17, column: 22 } },
      podsPerCore: { value: 20 },
      subnetIds: [{ value: "subnet-0aaa" }],
      metadataOptions: { hopLimit: 1, httpTokens: "required" },
    },
  ]);
  expect(part.eniConfigs).toMatchObject([{ name: "us-west-2a", subnetId: { value: "subnet-0aaa", at: { line: 25 } } }]);
  expect(part.securityGroupPolicies).toMatchObject([{ namespace: "apps", groupIds: ["sg-0abc"] }]);
  const kubelet = read(
    '{"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",\n "maxPods": 29}',
    "n1",
  );
  expect(kubelet.nodes).toMatchObject([{ key: "n1", kubeletMaxPods: { value: 29, at: { line: 2, column: 13 } } }]);
});

test("eksctl: the add-on's values in a block, node groups, policies", () => {
  const part = read(`apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: c, region: us-west-2, version: "1.31"}
addons:
  - name: vpc-cni
    version: 1.18.3
    attachPolicyARNs: ["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"]
    configurationValues: |-
      env:
        ENABLE_PREFIX_DELEGATION: "true"
        WARM_IP_TARGET: 5
managedNodeGroups:
  - name: pods
    amiFamily: AmazonLinux2023
    instanceTypes: [m5.large, m5.xlarge]
    maxPodsPerNode: 110
    maxSize: 4
`);
  expect(part).toMatchObject({
    clusterName: "c",
    region: "us-west-2",
    versions: [{ version: "1.31" }, { version: "1.18.3" }],
  });
  expect(part.settings?.[0]?.env[1]).toMatchObject({ isString: false, at: { line: 11, column: 25 } });
  expect(part.bootstraps).toMatchObject([{ origin: "eksctl", osFamily: { value: "al2023" }, maxPods: { value: 110 } }]);
  expect(part.iamPolicies).toMatchObject([{ subject: "service-account" }]);
});

test("IAM: documents and the answers of the AWS CLI, with whom they are for where that is certain", () => {
  const policy = read(
    '{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*",\n "Condition": {"StringEquals": {"ec2:Vpc": "x"}}}}',
  );
  expect(policy.iamPolicies).toMatchObject([
    { subject: "unknown", statements: [{ actions: ["ec2:*"], conditionKeys: ["ec2:Vpc"] }] },
  ]);
  const trust = read(
    '{"Role": {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/o"}, "Condition": {"StringEquals": {"o:sub": "system:serviceaccount:kube-system:aws-node"}}}]}}}',
  );
  expect(trust.iamPolicies).toMatchObject([
    { subject: "service-account", statements: [], trustedSubjects: ["system:serviceaccount:kube-system:aws-node"] },
  ]);
  const attached = read(
    '{"AttachedPolicies": [{"PolicyName": "x", "PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"}]}',
  );
  expect(attached.iamPolicies).toMatchObject([{ subject: "node" }]);
});

test("the running environment of a bundle, and the agent's pages", () => {
  const info = read(
    '{"Image": "x/amazon-k8s-cni:v1.18.3",\n "Spec": {"process": {"env": ["PATH=/bin", "WARM_IP_TARGET=5",\n "ADDITIONAL_ENI_TAGS={\\"a\\":\\"b=c\\"}"]}}}',
    "i-0abc",
  );
  expect(info.settings).toMatchObject([
    {
      origin: "running",
      node: "i-0abc",
      isComplete: true,
      env: [{}, { value: "5" }, { value: '{"a":"b=c"}', at: { line: 3 } }],
    },
  ]);
  expect(info.versions).toMatchObject([{ version: "v1.18.3", node: "i-0abc" }]);
  const page = read(
    '{"WARM_IP_TARGET": 5, "WARM_ENI_TARGET": 1, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": false}',
    "i-0abc",
  );
  expect(page.settings).toMatchObject([
    { origin: "introspection", isComplete: false, env: [{ value: "5" }, {}, { value: "false" }] },
  ]);
  const printed = read("PATH=/bin\nHOSTNAME=h\nAWS_VPC_K8S_CNI_LOGLEVEL=DEBUG\nWARM_IP_TARGET=5\nMAX_ENI=2\n");
  expect(printed.settings?.[0]?.env[3]).toMatchObject({ name: "WARM_IP_TARGET", at: { line: 4, column: 16 } });
});

test("syntax errors are unread, with their line", () => {
  expect(read("kind: DaemonSet\napiVersion: apps/v1\nspec: [1\nx: 2\n").unread?.[0]?.line).toBeGreaterThanOrEqual(3);
  expect(read('{"env": {"WARM_IP_TARGET": "5",\n}').unread?.[0]).toMatchObject({ file: "f", line: 2 });
  expect(read("env:\n  WARM_IP_TARGET: {\n").unread?.length).toBeGreaterThan(0);
});

test("no text throws, whoever reads it", () => {
  const words = fc.constantFrom(
    "kind: ",
    "apiVersion: v1\n",
    "DaemonSet\n",
    "NodePool\n",
    "ClusterConfig\n",
    "eksctl.io/x\n",
    "NodeConfig\n",
    "spec:\n",
    "  template:\n",
    "    spec: ",
    "env:\n",
    "- name: ",
    "WARM_IP_TARGET",
    ": ",
    '"5"\n',
    "null\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "|\n",
    "\n",
    "  ",
    "--max-pods=",
    "9",
    "bootstrap.sh ",
    "Content-Type: multipart/x; boundary=b\n",
    "--b\n",
    "\n\n",
    "Statement",
    '"',
    "<<: *a\n",
    "&a ",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 40 }), (pieces) => {
      const text = pieces.join("");
      for (const reader of READERS) reader.read({ path: "f", text, node: "n" });
      read(text);
    }),
    { numRuns: 1000 },
  );
});
