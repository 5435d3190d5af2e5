// A kernel in whose host namespace some questions or changes are answered otherwise: to plant a bug, or to write down what is asked.

import type { Kernel } from "../../netlink/kernel.ts";

/** `change` gets the host as it is, and returns what is answered otherwise. */
export function seenKernel(kernel: Kernel, change: (host: Kernel["host"]) => Partial<Kernel["host"]>): Kernel {
  const { host } = kernel;
  const plain: Kernel["host"] = {
    apply: (changes) => host.apply(changes),
    link: (name) => host.link(name),
    links: () => host.links(),
    addresses: (index) => host.addresses(index),
    routes: (table) => host.routes(table),
    rules: () => host.rules(),
    neighbours: (index) => host.neighbours(index),
  };
  return {
    host: { ...plain, ...change(plain) },
    openNamespace: (path) => kernel.openNamespace(path),
    sysctl: (key) => kernel.sysctl(key),
    setSysctl: (key, value) => kernel.setSysctl(key, value),
  };
}
