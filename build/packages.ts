const PACKAGE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/

/** The folders of the packages that these files, relative to the root, come from; each once. */
export function packageFolders(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => PACKAGE.exec(file)?.[0] ?? []))]
}
