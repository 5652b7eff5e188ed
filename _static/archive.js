// The whole set-up as one archive: the one that lies beside the pages, with a reader's values in its files and in their names.
// _static/values.js asks for it when somebody wants it.
import { packTar, unpackTar } from "./vendor/modern-tar.js";

// The tar file at an address, with `put` done to each text.
const filled = async (address, put) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const entries = (await unpackTar(await answer.arrayBuffer())).map(({ header: { name, mode, mtime }, data }) => {
    const body = new TextEncoder().encode(put(new TextDecoder("utf-8", { ignoreBOM: true }).decode(data)));
    const header = { name: put(name), type: "file", size: body.length, mode, mtime, uid: 0, gid: 0, uname: "root", gname: "root" };
    return { header, body };
  });
  return packTar(entries);
};

// Give the reader the archive that a link offers; what is to be said of it.
export const give = async (offer, put, hand) => {
  const name = offer.getAttribute("href").split("/").pop();
  const plain = name.replace(/\.gz$/, "");
  const tar = await filled(offer.href.replace(/\.gz$/, ""), put);
  if (!window.CompressionStream) {
    hand(tar, plain, "application/x-tar");
    return `Your browser cannot compress: the file is called ${plain}.`;
  }
  const smaller = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  hand(await new Response(smaller).blob(), name, "application/gzip");
  // A browser does not replace what it saved before.
  return "The archive holds your values. If its name has (1), an older one lies beside it: delete that one, and give the new one its name.";
};
