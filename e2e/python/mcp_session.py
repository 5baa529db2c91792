"""Holt's MCP server through the protocol's Python client, over both transports; run by McpTest.

Arguments: the holt program, and the URL of a `holt mcp --listen`.
"""

import asyncio
import os
import sys

import httpx2
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def text(result):
    return "\n".join(part.text for part in result.content if part.type == "text")


async def work(session):
    server = await session.initialize()
    assert server.server_info.name == "holt"
    tools = {tool.name for tool in (await session.list_tools()).tools}
    assert {"create_sandbox", "run_code", "run_command", "read_file", "write_file", "list_files", "get_port_url"} <= tools
    created = await session.call_tool("create_sandbox", {"timeout_seconds": 120})
    assert not created.is_error, text(created)
    sandbox = {"sandbox_id": created.structured_content["sandbox_id"]}
    try:
        beats = []

        async def progress(seconds, total, message):
            beats.append((seconds, message))

        ran = await session.call_tool(
            "run_command", {**sandbox, "command": "sleep 11; echo done"}, progress_callback=progress
        )
        assert text(ran).startswith("exit code: 0\n--- stdout ---\ndone"), text(ran)
        assert beats and beats[0][1] == "still running"
        # several at once, each with its own answer
        many = await asyncio.gather(
            *(session.call_tool("run_command", {**sandbox, "command": f"echo {number}"}) for number in range(10))
        )
        assert [text(one).split("\n")[2] for one in many] == [str(number) for number in range(10)]
        unknown = await session.call_tool("run_command", {**sandbox, "command": "true", "unknown": 1})
        assert unknown.is_error and "unknown" in text(unknown)
    finally:
        killed = await session.call_tool("kill_sandbox", sandbox)
        assert not killed.is_error, text(killed)


async def main(holt, url):
    parameters = StdioServerParameters(command=holt, args=["mcp"], env=dict(os.environ))
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        await work(session)
    headers = {"Authorization": f"Bearer {os.environ['E2B_API_KEY']}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as client,
        streamable_http_client(url, http_client=client) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await work(session)


asyncio.run(main(*sys.argv[1:]))
print("the Python client is served")
