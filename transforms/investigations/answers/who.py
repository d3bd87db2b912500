"""Who was behind it: the root, every hop, and how each is known; or why it cannot be said."""

from __future__ import annotations

from transforms.investigations import labels
from transforms.investigations.answers.profile import MANY, who_of_profile
from transforms.investigations.answers.sentences import Sentence, say
from transforms.investigations.case import Case, Row
from transforms.investigations.lineage import focus_session, path


def who(case: Case) -> list[Sentence]:
    """Say who was behind it, or why that cannot be said."""
    if case.subject["matched_by"] == "ambiguous":
        return _ambiguous(case)
    if not case.has_subject:
        return [_nobody(case)]
    if case.finding is None and case.subject["entity_kind"] in ("root", *MANY):
        return who_of_profile(case)
    focus = focus_session(case)
    if focus is None:
        return [_without_session(case)]
    first = [_attributed(case, focus)]
    hops = [_hop(case, row) for row in path(case) if row["role_arn"]]
    others = sorted({labels.who(row["root_type"], row["root_name"], row["root_id"]) for row in case.own})
    several = (
        [
            say(
                f"Sessions of this identifier in the scope lead back to several principals: {labels.listed(others)}.",
                "#overview",
            )
        ]
        if len(others) > 1
        else []
    )
    return [*first, *hops, *_proofs(focus), *several]


def _attributed(case: Case, focus: Row) -> Sentence:
    root = labels.who(focus["root_type"], focus["root_name"], focus["root_id"])
    account = f" of account {case.account(focus['root_account_id'])}" if focus["root_account_id"] else ""
    name, share = case.name(focus["entity_id"]), focus["attribution_confidence"]
    if focus["attribution_status"] == "resolved":
        hops = labels.count(focus["chain_depth"], "role session")
        through = f" through {hops}" if focus["chain_depth"] > 1 else ""
        return say(
            f"{root}{account} was behind {name}{through}. Confidence {share:.2f}: {labels.confidence(share)}.",
            "#chain", *(focus["issuing_event_ids"] or [])[:2],
        )  # fmt: skip
    reason = labels.REASONS.get(focus["attribution_reason"] or "", "the logs do not say")
    if focus["attribution_status"] == "ambiguous":
        names = [labels.who(each["type"], each["name"], each["id"]) for each in focus["candidates"] or []]
        return say(f"Who was behind {name} cannot be decided: {reason}. Candidates: {labels.listed(names)}.", "#chain")
    claim = f" A claim only: {root}." if focus["root_id"] else ""
    return say(f"Who was behind {name} is not established: {reason}.{claim}", "#chain")


def _hop(case: Case, row: Row) -> Sentence:
    by = case.assumer(row)
    if not row["issuing_api"] or row["assumed_by_id"] is None:
        return say(
            f"How {case.name(row['entity_id'])} came about is not established; it is in use since "
            f"{labels.moment(row['started_at'])}.",
            "#chain",
        )
    method = labels.METHODS.get(row["attribution_method"] or "", "not bound to an issuing call")
    across = ", across accounts" if row["is_cross_account"] else ""
    return say(
        f"{by} assumed {row['role_name']} as “{row['session_name']}” in account {case.account(row['account_id'])}{across}, at "
        f"{labels.moment(row['started_at'])} by {row['issuing_api']}; known because {method}.",
        *(row["issuing_event_ids"] or [])[:2],
    )


def _proofs(focus: Row) -> list[Sentence]:
    said = []
    if focus["mfa_authenticated"]:
        said.append("with MFA")
    elif focus["mfa_authenticated"] is not None and focus["root_type"] in ("IAMUser", "Root"):
        said.append("without MFA")
    elif focus["mfa_authenticated"] is not None and focus["root_type"] in ("FederatedUser", "IdentityCenterUser"):
        said.append("without MFA that AWS saw (what its identity provider saw is not in the logs)")
    if focus["source_identity"]:
        said.append(f"with the source identity “{focus['source_identity']}”")
    return [say(f"The session was made {labels.listed(said)}.", "#overview")] if said else []


def _without_session(case: Case) -> Sentence:
    kind, name = labels.KINDS.get(case.subject["entity_kind"], "principal"), case.name(case.entity_id)
    if case.subject["matched_by"] == "finding_only":
        return say(
            f"GuardDuty names the {kind} {case.entity_id}; the logs have nothing of it at that time, so who was behind it "
            "is not established.",
            "#logs",
        )
    if not any(row["is_in_scope"] for row in case.rows("totals")):
        return say(f"The {kind} {name} made no call in the scope that the logs show.", "#overview")
    return say(
        f"The {kind} {name} of account {case.account(case.subject['account_id'])} made the calls itself, with its own credentials.",
        "#overview",
    )


def _ambiguous(case: Case) -> list[Sentence]:
    names = [str(each["entity_id"]) for each in case.subject["candidates"] or []]
    return [
        say(
            f"The finding does not say which session it is about, and {labels.count(len(names), 'candidate')} fit: "
            f"{labels.listed(names, 12)}. None is chosen.",
            "#overview",
        )
    ]


def _nobody(case: Case) -> Sentence:
    finding = case.finding or {}
    named = [
        f"{noun} {finding[name]}"
        for name, noun in (("access_key_id", "access key"), ("principal_id", "principal"), ("user_name", "user name"))
        if finding.get(name)
    ]
    if not named:
        return say(
            "The finding names no access key and no principal, so no session can be investigated; it is about account "
            f"{case.account(case.account_id)}.",
            "#finding",
        )
    return say(
        f"No session in the logs matches what the finding names ({labels.listed(named)}) in the scope. "
        "Either the logs are not complete, or the credentials were used elsewhere.",
        "#logs",
    )
