// What is asked of a cluster: lists and single objects, each with what it is for and the kubectl command that gives the same.

export interface KubernetesList {
  /** `kubernetes:nodes` in reports. */
  readonly resource: string;
  readonly verb: "list" | "get";
  readonly path: string;
  /** Of the items, which the API leaves out in lists. */
  readonly kind: string;
  /** Gives the same to a file. */
  readonly command: string;
  /** Absent in clusters that do not use it: then nothing is said. */
  readonly isOptional: boolean;
}

const list = (
  resource: string,
  path: string,
  kind: string,
  options: { readonly isOptional?: boolean; readonly isNamespaced?: boolean; readonly kubectl?: string } = {},
): KubernetesList => ({
  resource,
  verb: "list",
  path,
  kind,
  command: `kubectl get ${options.kubectl ?? resource}${options.isNamespaced === true ? " -A" : ""} -o json > ${resource}.json`,
  isOptional: options.isOptional ?? false,
});

const object = (resource: string, path: string, kind: string, kubectl: string): KubernetesList => ({
  resource,
  verb: "get",
  path,
  kind,
  command: `kubectl get ${kubectl} -o json > ${resource}.json`,
  isOptional: true,
});

/** In the order in which they are asked for. */
export const KUBERNETES_LISTS: readonly KubernetesList[] = [
  list("nodes", "/api/v1/nodes", "Node"),
  list("pods", "/api/v1/pods", "Pod", { isNamespaced: true }),
  list("events", "/api/v1/events", "Event", { isNamespaced: true }),
  object(
    "daemonset",
    "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node",
    "DaemonSet",
    "-n kube-system daemonset aws-node",
  ),
  object(
    "configmap",
    "/api/v1/namespaces/kube-system/configmaps/amazon-vpc-cni",
    "ConfigMap",
    "-n kube-system configmap amazon-vpc-cni",
  ),
  object(
    "clusterrole",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/aws-node",
    "ClusterRole",
    "clusterrole aws-node",
  ),
  object(
    "serviceaccount",
    "/api/v1/namespaces/kube-system/serviceaccounts/aws-node",
    "ServiceAccount",
    "-n kube-system serviceaccount aws-node",
  ),
  list("eniconfigs", "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs", "ENIConfig", { isOptional: true }),
  list("securitygrouppolicies", "/apis/vpcresources.k8s.aws/v1beta1/securitygrouppolicies", "SecurityGroupPolicy", {
    isOptional: true,
    isNamespaced: true,
  }),
  list("cninodes", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes", "CNINode", { isOptional: true }),
  list(
    "mutatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
  ),
  list(
    "validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
  ),
  list("nodepools", "/apis/karpenter.sh/v1/nodepools", "NodePool", {
    isOptional: true,
    kubectl: "nodepools.karpenter.sh",
  }),
  list("ec2nodeclasses", "/apis/karpenter.k8s.aws/v1/ec2nodeclasses", "EC2NodeClass", { isOptional: true }),
];
