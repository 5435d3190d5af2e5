// Files imported as text: `import rows from "./x.tsv" with { type: "text" }`.
declare module "*.tsv" {
  const text: string;
  export default text;
}
