import type { ClusterNode, NodeRecord, RecordingsPageQuery } from "../cluster/mod.ts";
import { isRecordingsPlace, StoreUnreachable } from "../cluster/mod.ts";
import { faultAnswer, type HttpAnswer } from "../doors/http/mod.ts";
import type { ApiContext } from "./api_context.ts";
import type { ApiSchemas } from "./api_schemas.ts";
import type { ClusterNodeView, ClusterRecordingsView } from "./api_types.ts";
import type { RouteBook } from "./route_book.ts";
import { recordedFileView } from "./recorded_file_view.ts";
import { timeFault, unixMsOf } from "./time_parameter.ts";
import { pageOf } from "./views.ts";

/** What the routes are made of. */
interface Parts {
  readonly schemas: ApiSchemas;
  readonly context: ApiContext;
}

/** Asks the cluster, where there is one that can be asked. */
type OfCluster = (ask: (cluster: ClusterNode) => Promise<unknown>) => Promise<unknown>;

/** Adds what takes this server out of service, and back. */
export function addDrain(book: RouteBook, { schemas, context: { source } }: Parts): void {
  const path = "/v1/drain";
  book.add({
    method: "get",
    path,
    summary: "Whether the server is drained, and how many publishers and players are left",
    gives: schemas.drain,
    answer: () => source.drainState,
  });
  book.add({
    method: "post",
    path,
    summary: "Lets nobody new in, and has those who are there go: to other machines of the cluster",
    query: schemas.drainQuery,
    gives: schemas.drain,
    answer: ({ query }) => {
      void source.drain({ timeoutMs: timeoutMs(query) });
      return source.drainState;
    },
  });
  book.add({
    method: "delete",
    path,
    summary: "Lets everybody in again",
    gives: schemas.drain,
    answer: () => {
      source.undrain();
      return source.drainState;
    },
  });
}

/** Adds what is about all machines of the cluster. */
export function addCluster(book: RouteBook, { schemas, context: { source } }: Parts): void {
  const of: OfCluster = async (ask) => {
    const { cluster } = source;
    if (cluster === undefined) return absent("cluster that this machine is one of");
    try {
      return await ask(cluster);
    } catch (error) {
      if (!(error instanceof StoreUnreachable)) throw error;
      return faultAnswer({
        status: 503,
        code: "directory",
        reason: "The directory of the cluster cannot be reached",
        headers: { "retry-after": "1" },
      });
    }
  };
  book.add({
    method: "get",
    path: "/v1/cluster/nodes",
    summary: "The machines of the cluster, by name",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.clusterNode),
    answer: ({ query }) =>
      of(async (cluster) => {
        const self = cluster.statistics.node;
        const nodes = (await cluster.nodes()).map((node) => nodeView(node, self));
        return pageOf(nodes, query, ({ node }) => node);
      }),
  });
  book.add({
    method: "post",
    path: "/v1/cluster/nodes/{node}/drain",
    summary: "Has a machine of the cluster let nobody new in, and its clients go to others",
    params: schemas.nodeParams,
    query: schemas.drainQuery,
    gives: schemas.heard,
    answer: ({ params: { node }, query }) =>
      of(async (cluster) => {
        const ms = timeoutMs(query);
        if (node === cluster.statistics.node) {
          void source.drain({ timeoutMs: ms });
          return { node };
        }
        return await cluster.drainOther(node, ms) ? { node } : absent(`machine ${node} that hears`);
      }),
  });
  book.add({
    method: "get",
    path: "/v1/cluster/streams",
    summary: "The streams of all machines, by name",
    query: schemas.pageQuery,
    gives: schemas.pageOf(schemas.clusterStream),
    answer: ({ query }) => of((cluster) => cluster.streams(query)),
  });
  addRecordings(book, schemas, of);
  book.add({
    method: "get",
    path: "/v1/cluster/streams/{name}{.+}",
    summary: "A stream of any machine, with the machines that have a copy",
    params: schemas.nameParams,
    gives: schemas.clusterStreamDetail,
    answer: ({ params: { name } }) =>
      of(async (cluster) => await cluster.stream(name) ?? absent(`stream ${name}`)),
  });
}

/** Adds the list of what all machines keep of recordings. */
function addRecordings(book: RouteBook, schemas: ApiSchemas, of: OfCluster): void {
  book.add({
    method: "get",
    path: "/v1/cluster/recordings",
    summary:
      "The files of recordings of all machines, by time; `silent` are those that do not answer",
    query: schemas.recordingsQuery,
    gives: schemas.clusterRecordings,
    answer: ({ query: { name, from, to, limit, after } }) => {
      const [fromUnixMs, toUnixMs] = [from, to].map((text) => unixMsOf(text ?? ""));
      if (from !== undefined && fromUnixMs === undefined) return wrong(timeFault("from"));
      if (to !== undefined && toUnixMs === undefined) return wrong(timeFault("to"));
      if (after !== undefined && !isRecordingsPlace(after)) return wrong('"after" is no "next"');
      return of((cluster) => recordingsView(cluster, { name, fromUnixMs, toUnixMs, limit, after }));
    },
  });
}

async function recordingsView(
  cluster: ClusterNode,
  query: RecordingsPageQuery,
): Promise<ClusterRecordingsView> {
  const [page, nodes] = await Promise.all([cluster.recordings(query), cluster.nodes()]);
  const bases = new Map(nodes.map(({ node, clients: { http, https } }) => [node, https ?? http]));
  const items = page.items.map((file) => {
    const { name, node, startUnixMs } = file;
    const base = bases.get(node)?.replace(/\/+$/, "");
    const place = `/v1/recordings/${encodeName(name)}/segment.mp4?start=${startUnixMs}`;
    return {
      ...recordedFileView(file),
      node,
      ...(base === undefined ? {} : { url: `${base}${place}` }),
    };
  });
  return { ...page, items };
}

function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

function wrong(reason: string): HttpAnswer {
  return faultAnswer({ status: 400, code: "query", reason });
}

function nodeView({ run: _, ...node }: NodeRecord, self: string): ClusterNodeView {
  return { ...node, isSelf: node.node === self };
}

/** What a query says of time: seconds, or `unlimited` for as long as they like. */
function timeoutMs({ timeout }: { readonly timeout?: number | "unlimited" | undefined }) {
  return timeout === "unlimited" ? Infinity : timeout === undefined ? undefined : timeout * 1000;
}

function absent(what: string): HttpAnswer {
  return faultAnswer({ status: 404, code: "absent", reason: `There is no ${what}` });
}
