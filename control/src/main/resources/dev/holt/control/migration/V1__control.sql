-- Times are epoch milliseconds. Sandboxes' tokens, environments and deadlines are not here: the node's journal owns them.
create table teams (
    id text primary key,
    slug text not null unique,
    name text not null,
    is_default boolean not null,
    max_sandboxes integer not null,
    max_cpu integer not null,
    max_memory_mb bigint not null,
    max_lifetime_seconds bigint not null,
    created_at bigint not null
);

create table users (
    id text primary key,
    name text not null,
    created_at bigint not null
);

create table team_members (
    team_id text not null references teams (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    primary key (team_id, user_id)
);

-- A revoked key keeps its row, so that a restart never takes it for a key that it has not seen yet.
create table api_keys (
    id text primary key,
    team_id text not null references teams (id) on delete cascade,
    created_by text references users (id) on delete set null,
    name text not null,
    hash text not null unique,
    prefix text not null,
    value_length integer not null,
    mask_prefix text not null,
    mask_suffix text not null,
    created_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);
create index api_keys_team on api_keys (team_id, created_at);

create table access_tokens (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    name text not null,
    hash text not null unique,
    prefix text not null,
    value_length integer not null,
    mask_prefix text not null,
    mask_suffix text not null,
    created_at bigint not null,
    revoked_at bigint
);

create table templates (
    id text primary key,
    team_id text references teams (id) on delete cascade,
    is_public boolean not null,
    created_at bigint not null,
    updated_at bigint not null,
    spawn_count bigint not null,
    last_spawned_at bigint
);

create table template_aliases (
    alias text primary key,
    template_id text not null references templates (id) on delete cascade
);
create index template_aliases_template on template_aliases (template_id);

create table builds (
    id text primary key,
    template_id text not null references templates (id) on delete cascade,
    status text not null,
    cpu_count integer not null,
    memory_mb integer not null,
    disk_mb integer not null,
    envd_version text not null,
    created_at bigint not null,
    updated_at bigint not null,
    finished_at bigint
);
create index builds_template on builds (template_id, created_at);

create table sandboxes (
    id text primary key,
    team_id text not null references teams (id) on delete cascade,
    template_id text not null,
    build_id text not null,
    state text not null,
    isolation text not null,
    cpu_count integer not null,
    memory_mb integer not null,
    disk_mb integer not null,
    secure boolean not null,
    auto_pause boolean not null,
    auto_resume boolean not null,
    internet_access boolean,
    public_traffic boolean,
    metadata text not null,
    envd_version text not null,
    idempotency_key text,
    request_hash text,
    started_at bigint not null,
    ended_at bigint,
    end_reason text
);
create index sandboxes_team on sandboxes (team_id, started_at);
create index sandboxes_state on sandboxes (state);
create unique index sandboxes_idempotency on sandboxes (team_id, idempotency_key);
