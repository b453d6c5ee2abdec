// Test support: small wheels of the web UI, sound and broken, written with nothing but the zip format's rules.
import { createHash } from "node:crypto";

export type WheelFiles = Readonly<Record<string, string>>;

export const uiFiles: WheelFiles = {
  "matyan_ui/__init__.py": "",
  "matyan_ui/static/index-template.html":
    '<html><script>window.API_BASE_PATH="{{ base_path }}",window.API_BASE_PATH_SUFFIX="{{ api_base_path }}",' +
    'window.API_HOST_BASE="{{ api_host_base }}",window.API_AUTH_TOKEN="{{ api_auth_token }}"</script>' +
    '<script src="{{ base_path }}/static-files/static/js/main.js?version=1"></script></html>',
  "matyan_ui/static/static/js/main.js": "console.log('plain')",
  "matyan_ui/static/static/js/main.js.gz": Buffer.from(Bun.gzipSync("console.log('zipped')")).toString("latin1"),
  "matyan_ui/static/matyan_ui_core.py": "pass",
  "matyan_ui/static/only.css.gz": Buffer.from(Bun.gzipSync("body {}")).toString("latin1"),
};

/** The wheel's bytes, with a RECORD of all files. `change` alters the RECORD's lines. */
export function makeWheel(
  files: WheelFiles = uiFiles,
  change: (lines: string[]) => string[] = (lines) => lines,
): Buffer {
  const info = "matyan_ui-0.3.2.dist-info";
  const all: Record<string, string> = {
    ...files,
    [`${info}/METADATA`]: "Metadata-Version: 2.1\nName: matyan-ui\nVersion: 0.3.2\n",
  };
  all[`${info}/WHEEL`] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
  const lines = Object.entries(all).map(([name, text]) => {
    const bytes = Buffer.from(text, "latin1");
    return `${name},sha256=${createHash("sha256").update(bytes).digest("base64url")},${bytes.length}`;
  });
  return zip({ ...all, [`${info}/RECORD`]: `${change([...lines, `${info}/RECORD,,`]).join("\n")}\n` });
}

/** A zip of stored (uncompressed) files: APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16. */
export function zip(files: WheelFiles): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text, "latin1");
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(Bun.hash.crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), common, path, bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, rest, path]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
