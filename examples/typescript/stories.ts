// Searches, reads all pages of results, and fetches one story. All types are generated from the OpenAPI document.
import createClient from "openapi-fetch";
import type { components, paths } from "./outpost.js";

type Story = components["schemas"]["StoryDetailSelection"];

const outpost = createClient<paths>({ baseUrl: process.env.OUTPOST ?? "http://127.0.0.1:8000" });

/** The titles of all stories that match `q`, newest first. */
async function findTitles(q: string): Promise<string[]> {
  const titles: string[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await outpost.GET("/v1/search", {
      params: { query: { q, sort: "newest", per_page: 5, cursor } },
    });
    if (error) throw new Error(`${error.code}: ${error.detail}`);
    for (const hit of data.results) titles.push(hit.title ?? "");
    cursor = data.next_cursor ?? undefined;
  } while (cursor);
  return titles;
}

/** The story with this id and its sources, or null if there is none. */
async function findStory(story_id: string): Promise<Story | null> {
  const { data, error, response } = await outpost.GET("/v1/stories/{story_id}", {
    params: { path: { story_id }, query: { include: "sources" } },
  });
  if (response.status === 404) return null;
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  return data;
}

const titles = await findTitles(process.argv[2] ?? "night ferry");
const story = await findStory("31001");
const publishers = story?.sources?.map((source) => source.publisher?.name ?? "unknown");
console.log(JSON.stringify({ titles, title: story?.title, publishers, missing: await findStory("never") }));
