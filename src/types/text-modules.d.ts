// Files imported as text: `import rows from "./x.tsv" with { type: "text" }`.
declare module "*.tsv" {
  const text: string;
  export default text;
}
declare module "*.proto" {
  const text: string;
  export default text;
}
declare module "*.yaml" {
  const text: string;
  export default text;
}
// Files imported as paths: `import path from "./x.wasm" with { type: "file" }`.
declare module "*.wasm" {
  const path: string;
  export default path;
}
