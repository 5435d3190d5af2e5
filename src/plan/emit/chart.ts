// The agent's settings for those who install it: configuration values of the EKS add-on, and values of the chart aws-vpc-cni.
// Both have one shape.

import { commented, jsonText, shellWord, yamlText } from "./emitted-file.ts";
import type { EmittedFile, Figures } from "./types.ts";

/** `idOf`: what stands for a subnet's id, which only Terraform can refer to. */
export function chartValues<T>(
  figures: Figures,
  options: { readonly env: Readonly<Record<string, string>>; readonly idOf: (subnet: string) => T },
): { env: Readonly<Record<string, string>>; eniConfig?: EniConfigValues<T> } {
  if (figures.eniConfigs.length === 0) return { env: options.env };
  const subnets = figures.eniConfigs.map(({ name, subnet, securityGroups }) => [
    name,
    { id: options.idOf(subnet), ...(securityGroups.length > 0 ? { securityGroups } : {}) },
  ]);
  return {
    env: options.env,
    eniConfig: { create: true, region: figures.region, subnets: Object.fromEntries(subnets) },
  };
}

interface EniConfigValues<T> {
  readonly create: true;
  readonly region: string;
  readonly subnets: Readonly<Record<string, { readonly id: T; readonly securityGroups?: readonly string[] }>>;
}

export function idText(figures: Figures): (subnet: string) => string {
  return (subnet) => figures.subnets.find((one) => one.subnet.id === subnet)?.idText ?? subnet;
}

/** `envsubst < FILE` where the file holds `${...}`, else its name. */
export function filled(figures: Figures, path: string): { readonly hasOpenIds: boolean; readonly pipe: string } {
  const hasOpenIds = figures.eniConfigs.some((one) => idText(figures)(one.subnet).startsWith("$"));
  return { hasOpenIds, pipe: hasOpenIds ? `envsubst < ${path}` : `cat ${path}` };
}

export function addonFiles(figures: Figures): EmittedFile[] {
  const path = "addon/configuration-values.json";
  const { hasOpenIds, pipe } = filled(figures, path);
  const values = hasOpenIds ? `"$(${pipe})"` : `file://${path}`;
  return [
    {
      path,
      format: "addon",
      about: "Configuration values of the EKS add-on vpc-cni.",
      apply: `aws eks update-addon --region ${figures.region} --cluster-name ${shellWord(figures.clusterName)} --addon-name vpc-cni --resolve-conflicts OVERWRITE --configuration-values ${values}`,
      text: jsonText(chartValues(figures, { env: figures.addonEnv, idOf: idText(figures) })),
    },
  ];
}

export function helmFiles(figures: Figures): EmittedFile[] {
  const path = "helm/values.yaml";
  const { hasOpenIds, pipe } = filled(figures, path);
  const values = hasOpenIds ? `${pipe} | ` : "";
  return [
    commented(figures, {
      path,
      format: "helm",
      about: "Values of the chart aws-vpc-cni (repository eks-charts).",
      notes: ["The chart and the EKS add-on vpc-cni write the same DaemonSet: use one of the two."],
      apply: `${values}helm upgrade --install aws-vpc-cni aws-vpc-cni --repo https://aws.github.io/eks-charts --namespace kube-system --values ${hasOpenIds ? "-" : path}`,
      body: yamlText(chartValues(figures, { env: figures.env, idOf: idText(figures) })),
    }),
  ];
}
