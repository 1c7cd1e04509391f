"""`runyard agent-server`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from runyard.cli.failures import usage


def agent_server(
    *,
    task_id: Annotated[str, Parameter(name="--taskId", help="The task.")],
    run_id: Annotated[str, Parameter(name="--runId", help="The run of the task that is worked on.")],
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535), help="Where it listens; 0 for any.")] = 3001,
    host: Annotated[str, Parameter(help="The address it listens on.")] = "127.0.0.1",
    mode: Annotated[
        Literal["interactive", "background"],
        Parameter(help="Whether the run waits for more messages, or is over when the first prompt is answered."),
    ] = "interactive",
    repository_path: Annotated[
        Path | None, Parameter(name="--repositoryPath", help="The folder the agent works in; the current one if none.")
    ] = None,
    repo_ready_file: Annotated[
        Path | None, Parameter(name="--repoReadyFile", help="A file whose appearance says that the folder is ready.")
    ] = None,
    mcp_servers: Annotated[
        str | None, Parameter(name="--mcpServers", help="MCP servers for the agent: a JSON array, as ACP has them.")
    ] = None,
    create_pr: Annotated[
        Literal["true", "false"] | None,
        Parameter(name="--createPr", help="Whether the agent is told that it may publish its changes, or not to."),
    ] = None,
    auto_publish: Annotated[
        Literal["true", "false"] | None,
        Parameter(name="--autoPublish", help="Whether it is told to open a draft pull request without being asked."),
    ] = None,
    base_branch: Annotated[
        str | None, Parameter(name="--baseBranch", help="The branch that pull requests are to go against.")
    ] = None,
    claude_code_config: Annotated[
        str | None,
        Parameter(name="--claudeCodeConfig", help="JSON with systemPrompt and plugins, for the adapter claude alone."),
    ] = None,
    allowed_domains: Annotated[
        str | None,
        Parameter(name="--allowedDomains", help="Refused: the network of the sandbox is what can keep to domains."),
    ] = None,
    permissions: Annotated[
        Literal["allow", "ask", "reject"] | None,
        Parameter(
            help="What becomes of what the agent asks leave for (RUNYARD_PERMISSIONS); "
            "unless said, interactive runs ask and background runs allow."
        ),
    ] = None,
) -> int:
    """Work on one run inside a sandbox, with any agent that speaks ACP, until the run is over.

    The environment says for whom: JWT_PUBLIC_KEY, POSTHOG_API_URL, POSTHOG_PERSONAL_API_KEY and POSTHOG_PROJECT_ID
    must be set. The agent is the command line in RUNYARD_AGENT_COMMAND, else that of POSTHOG_CODE_RUNTIME_ADAPTER
    (claude, codex, gemini or echo), else echo.
    """
    from runyard.agent_server.launch import Flags, LaunchRefused, read

    flags = Flags(
        task_id=task_id,
        run_id=run_id,
        host=host,
        port=port,
        mode=mode,
        repository_path=repository_path,
        repo_ready_file=repo_ready_file,
        mcp_servers=mcp_servers,
        create_pr=create_pr,
        auto_publish=auto_publish,
        base_branch=base_branch,
        claude_code_config=claude_code_config,
        allowed_domains=allowed_domains,
        permissions=permissions,
    )
    try:
        launch = read(flags, os.environ, Path.cwd())
    except LaunchRefused as error:
        raise usage(str(error), "`runyard agent-server --help` lists what it takes.") from None
    from runyard.agent_server.serve import serve

    return serve(launch)
