-- Sandboxes that pause, and builds that were made from sandboxes. Which state a sandbox is in, and which builds are whole, the
-- node knows; these rows follow.
alter table sandboxes add column auto_pause_memory boolean not null default true;
alter table sandboxes add column memory_kept text;
alter table sandboxes add column problem text;
drop index sandboxes_state;
create index sandboxes_alive on sandboxes (id) where ended_at is null;

-- When a sandbox did not run between its start and its end. A pause that lasts has no end yet.
create table sandbox_pauses (
    sandbox_id text not null references sandboxes (id) on delete cascade,
    paused_at bigint not null,
    resumed_at bigint,
    primary key (sandbox_id, paused_at)
);

-- 'template' or 'snapshot'.
alter table templates add column source text not null default 'template';

-- Names within a team's namespace; template_aliases has those that everybody sees.
create table team_aliases (
    team_id text not null references teams (id) on delete cascade,
    alias text not null,
    template_id text not null references templates (id) on delete cascade,
    primary key (team_id, alias)
);
create index team_aliases_template on team_aliases (template_id);

create table template_tags (
    template_id text not null references templates (id) on delete cascade,
    tag text not null,
    build_id text not null references builds (id) on delete cascade,
    assigned_at bigint not null,
    primary key (template_id, tag)
);
create index template_tags_build on template_tags (build_id);

-- What a build that was made from a sandbox is beyond any build; problem says why it can't be used, if it can't.
create table snapshots (
    build_id text primary key references builds (id) on delete cascade,
    team_id text not null references teams (id) on delete cascade,
    sandbox_id text not null,
    isolation text not null,
    memory text not null,
    bytes bigint not null,
    stood_ms bigint not null,
    problem text,
    created_at bigint not null
);
create index snapshots_team on snapshots (team_id, created_at);
create index snapshots_sandbox on snapshots (sandbox_id);
