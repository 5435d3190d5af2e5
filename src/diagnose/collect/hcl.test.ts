import { expect, test } from "bun:test";
import fc from "fast-check";
import type { FactsPart, Source } from "../facts/model.ts";
import { terraformReader } from "../readers/config/index.ts";
import { loadHcl } from "./hcl.ts";

const reader = terraformReader(await loadHcl());

function read(text: string): FactsPart {
  expect(reader.recognises({ path: "main.tf", head: text, isWhole: true })).toBe(true);
  const part = reader.read({ path: "main.tf", text, node: undefined });
  expect(part.unread ?? []).toEqual([]);
  return part;
}

function at(source: Source | undefined): string {
  return `${source?.line}:${source?.column}`;
}

const ADDON = `# é
variable "warm" { default = 5 }
variable "unset" { type = string }
resource "aws_eks_addon" "cni" {
  addon_name    = "vpc-cni"
  addon_version = "v1.18.3-eksbuild.1"
  configuration_values = jsonencode({
    # why
    enableNetworkPolicy = "true"
    env = {
      ENABLE_PREFIX_DELEGATION = "true" # on
      WARM_ENI_TARGET          = "2"
      WARM_IP_TARGET           = var.warm
      MINIMUM_IP_TARGET        = var.unset
      "MAX_ENI" : 4, WARM_PREFIX_TARGET = "1"
    }
  })
}
`;

test("an add-on's jsonencode is its settings, each at its place; what a variable hides is told apart from what is unset", () => {
  const { settings, versions } = read(ADDON);
  const source = settings?.[0];
  expect(settings).toHaveLength(1);
  expect(source).toMatchObject({ origin: "terraform", name: "aws_eks_addon.cni", untold: ["MINIMUM_IP_TARGET"] });
  expect(source?.env.map((one) => [one.name, one.value, one.isString, at(one.at)])).toEqual([
    ["ENABLE_PREFIX_DELEGATION", "true", true, "11:34"],
    ["WARM_ENI_TARGET", "2", true, "12:34"],
    ["WARM_IP_TARGET", "5", false, "13:34"],
    ["MAX_ENI", "4", false, "15:19"],
    ["WARM_PREFIX_TARGET", "1", true, "15:43"],
  ]);
  // Quotes around a reference would be wrong.
  expect(source?.env[2]?.valueSpan).toBeUndefined();
  expect(source?.otherKeys.map((one) => one.name)).toEqual(["enableNetworkPolicy"]);
  expect(versions).toMatchObject([{ component: "cni", version: "v1.18.3-eksbuild.1", at: { line: 6 } }]);
});

test("an entry that is deleted by its span is the only one gone, and comments stay", () => {
  const entries = read(ADDON).settings?.[0]?.env ?? [];
  for (const { name, entrySpan } of entries) {
    expect(entrySpan).toBeDefined();
    const text = ADDON.slice(0, entrySpan?.start) + ADDON.slice(entrySpan?.end);
    const left = read(text).settings?.[0]?.env.map((one) => one.name);
    expect(left).toEqual(entries.map((one) => one.name).filter((one) => one !== name));
    expect(text).toContain("# why");
  }
});

test("configuration values are read from heredocs and quoted text, places leading into the file", () => {
  const heredoc = read(`resource "aws_eks_addon" "a" {
  addon_name = "vpc-cni"
  configuration_values = <<-JSON
    {
      "env": {"WARM_IP_TARGET": "1",
              "MAX_ENI": 2}
    }
  JSON
}
`);
  expect(heredoc.settings?.[0]?.env.map((one) => [one.value, at(one.at)])).toEqual([
    ["1", "5:33"],
    ["2", "6:26"],
  ]);
  const quoted = read(
    'resource "aws_eks_addon" "a" {\n  addon_name = "vpc-cni"\n  configuration_values = "{\\"env\\":{\\"MAX_ENI\\":\\"2\\"}}"\n}\n',
  );
  expect(quoted.settings?.[0]?.env).toMatchObject([{ name: "MAX_ENI", value: "2", at: { line: 3, column: 49 } }]);
});

test("values that only templates or other files fill are untold, and an environment that is hidden is no empty one", () => {
  const open = read(
    `resource "aws_eks_addon" "a" {\n  addon_name = "vpc-cni"\n  configuration_values = <<EOT\n{"env": {"WARM_IP_TARGET": "\${var.w}", "MAX_ENI": "2"}}\nEOT\n}\n`,
  );
  expect(open.settings).toMatchObject([
    { untold: ["WARM_IP_TARGET"], env: [{ name: "MAX_ENI", at: { line: 4, column: 51 } }] },
  ]);
  for (const values of ["jsonencode({ env = merge(var.a, { MAX_ENI = 1 }) })", 'file("x.json")', "var.values"]) {
    const hidden = read(
      `resource "aws_eks_addon" "a" {\n  addon_name = "vpc-cni"\n  configuration_values = ${values}\n}\n`,
    );
    expect(hidden.settings ?? []).toEqual([]);
  }
});

test("the common EKS module: its add-on and its node groups over their defaults", () => {
  const { settings, bootstraps } = read(`module "eks" {
  source  = "terraform-aws-modules/eks/aws"
  cluster_addons = {
    vpc-cni = {
      before_compute = true
      configuration_values = jsonencode({ env = { ENABLE_PREFIX_DELEGATION = "true" } })
    }
  }
  eks_managed_node_group_defaults = { ami_type = "AL2023_x86_64_STANDARD" }
  eks_managed_node_groups = {
    pods = {
      instance_types = ["m5.large", "t2.large"]
      max_size = 10
      desired_size = 3
      cloudinit_pre_nodeadm = [{
        content_type = "application/node.eks.aws"
        content      = <<-EOT
          ---
          apiVersion: node.eks.aws/v1alpha1
          kind: NodeConfig
          spec:
            kubelet:
              config:
                maxPods: 70
        EOT
      }]
    }
    old = { ami_type = "AL2_x86_64", bootstrap_extra_args = "--use-max-pods false --kubelet-extra-args '--max-pods=110'" }
  }
}
`);
  expect(settings?.[0]).toMatchObject({ name: "module.eks add-on vpc-cni", otherKeys: [{ name: "before_compute" }] });
  expect(bootstraps).toMatchObject([
    {
      name: "pods",
      osFamily: { value: "al2023" },
      maxPods: { value: 70, at: { line: 24, column: 26 } },
      instanceTypes: [{ value: "m5.large" }, { value: "t2.large", at: { line: 12, column: 37 } }],
      nodeCountMax: { value: 10 },
    },
    { name: "old", osFamily: { value: "al2" }, maxPods: { value: 110 }, useMaxPods: { value: false } },
  ]);
});

test("user data of a launch template joins the node group that uses it, interpolations resolved where the file can", () => {
  const { bootstraps } = read(`locals { max = 70 }
resource "aws_launch_template" "t" {
  image_id  = "ami-0abc"
  user_data = base64encode(<<EOF
#!/bin/bash
/etc/eks/bootstrap.sh \${var.cluster} --use-max-pods false \\
  --kubelet-extra-args '--max-pods=\${local.max}'
EOF
  )
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}
resource "aws_eks_node_group" "g" {
  node_group_name = "workers"
  ami_type        = "AL2023_x86_64_STANDARD"
  instance_types  = ["m5.large"]
  subnet_ids      = [aws_subnet.a.id]
  scaling_config {
    max_size     = 5
    desired_size = 2
    min_size     = 1
  }
  launch_template {
    id      = aws_launch_template.t.id
    version = "1"
  }
}
resource "aws_subnet" "a" {
  cidr_block        = cidrsubnet("10.0.0.0/16", 8, 3)
  availability_zone = "us-west-2a"
  tags              = { "kubernetes.io/role/cni" = "1" }
}
`);
  expect(bootstraps).toMatchObject([
    {
      name: "workers",
      osFamily: { value: "al2023" },
      maxPods: { value: 70, at: { line: 6 } },
      useMaxPods: { value: false },
      subnetIds: [{ value: "aws_subnet.a" }],
      nodeCountMax: { value: 5 },
      amiId: { value: "ami-0abc" },
      metadataOptions: { httpTokens: "required", hopLimit: 1 },
    },
  ]);
});

test("subnets and reservations, one for each element of for_each or count; ENIConfigs from manifests", () => {
  const part = read(`variable "zones" { default = { "us-west-2a" = 0, "us-west-2b" = 1 } }
resource "aws_subnet" "pods" {
  for_each          = var.zones
  cidr_block        = cidrsubnet("10.1.0.0/16", 4, each.value)
  availability_zone = each.key
}
resource "aws_subnet" "many" {
  count      = 2
  cidr_block = "10.2.\${count.index}.0/24"
}
resource "aws_ec2_subnet_cidr_reservation" "r" {
  cidr_block       = "10.1.0.0/20"
  reservation_type = "prefix"
  subnet_id        = aws_subnet.pods["us-west-2a"].id
}
resource "kubectl_manifest" "e" {
  for_each  = var.zones
  yaml_body = <<-YAML
    apiVersion: crd.k8s.amazonaws.com/v1alpha1
    kind: ENIConfig
    metadata:
      name: \${each.key}
    spec:
      subnet: \${aws_subnet.pods["us-west-2a"].id}
      securityGroups: [sg-0abc]
  YAML
}
`);
  expect(part.subnets?.map((one) => [one.id, one.cidr?.prefixLength, one.zone])).toEqual([
    ['aws_subnet.pods["us-west-2a"]', 20, "us-west-2a"],
    ['aws_subnet.pods["us-west-2b"]', 20, "us-west-2b"],
    ["aws_subnet.many[0]", 24, undefined],
    ["aws_subnet.many[1]", 24, undefined],
  ]);
  expect(part.reservations?.[0]?.subnetId).toBe('aws_subnet.pods["us-west-2a"]');
  expect(part.eniConfigs).toMatchObject([
    { name: "us-west-2a", subnetId: { value: 'aws_subnet.pods["us-west-2a"]', at: { line: 24 } } },
    { name: "us-west-2b" },
  ]);
});

test("helm_release: set blocks, dynamic ones too", () => {
  const { settings } = read(`resource "helm_release" "cni" {
  name  = "aws-vpc-cni"
  chart = "aws-vpc-cni"
  values = [yamlencode({ env = { WARM_ENI_TARGET = "1" } })]
  set {
    name  = "env.WARM_IP_TARGET"
    value = "5"
  }
  dynamic "set" {
    for_each = { MAX_ENI = "3" }
    content {
      name  = "env.\${set.key}"
      value = set.value
    }
  }
}
`);
  expect(settings?.[0]?.env.map((one) => `${one.name}=${one.value}`)).toEqual([
    "WARM_ENI_TARGET=1",
    "WARM_IP_TARGET=5",
    "MAX_ENI=3",
  ]);
});

test("a role has the statements and managed policies that the file attaches to it", () => {
  const { iamPolicies } = read(`resource "aws_iam_role" "node" {
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
}
resource "aws_iam_role_policy_attachment" "cni" {
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
}
data "aws_iam_policy_document" "extra" {
  statement {
    actions   = ["ec2:CreateTags"]
    resources = ["*"]
  }
}
resource "aws_iam_role_policy" "extra" {
  role   = aws_iam_role.node.id
  policy = data.aws_iam_policy_document.extra.json
}
`);
  expect(iamPolicies).toMatchObject([
    {
      subject: "node",
      managedPolicies: [{ value: "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy" }],
      statements: [{ effect: "Allow", actions: ["ec2:CreateTags"] }],
    },
  ]);
});

test("what is no HCL is unread, with its line", () => {
  const part = reader.read({ path: "main.tf", text: 'resource "a" "b" {\n  x = [1, 2\n}\n', node: undefined });
  expect(part.settings).toBeUndefined();
  expect(part.unread?.[0]).toMatchObject({ file: "main.tf" });
  expect(part.unread?.[0]?.line).toBeGreaterThanOrEqual(1);
});

test("a pasted text that quotes Terraform is not taken for a Terraform file", () => {
  const isTerraform = (head: string): boolean => reader.recognises({ path: "f", head, isWhole: true });
  expect(isTerraform('# ours\n/* x\n */\n\nresource "aws_subnet" "a" {\n')).toBe(true);
  expect(isTerraform("locals {\n")).toBe(true);
  expect(isTerraform('# Pods stuck\nWe use\nresource "aws_subnet" "a" {\n')).toBe(false);
});

test("no text throws", () => {
  const hclish = fc.array(
    fc.constantFrom(
      'resource "aws_eks_addon" "a" {\n',
      "}\n",
      "x = ",
      "jsonencode(",
      ")",
      "{",
      "}",
      "[",
      "]",
      '"a"',
      "${",
      "<<EOF\n",
      "EOF\n",
      "1",
      "var.x",
      "local.l\n",
      "locals {\n",
      "l = local.l\n",
      ",",
      "\n",
      "for_each = ",
      "count = 3\n",
      "é",
    ),
  );
  fc.assert(
    fc.property(hclish, (pieces) => {
      reader.read({ path: "x.tf", text: pieces.join(""), node: undefined });
    }),
    { numRuns: 300 },
  );
  reader.read({ path: "x.tf", text: `locals {\n l = ${"(".repeat(3000)}1${")".repeat(3000)}\n}\n`, node: undefined });
});
