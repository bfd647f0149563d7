"""The store: each evaluation once, claimed by one worker at a time, never changed when it is done."""

import math
import multiprocessing
import pickle
import sqlite3
import time
from dataclasses import replace

import pytest
from sqlalchemy import make_url
from store_trials import chain, wanted

from nag.core.errors import DamagedFile, InvalidRequest, MissingData, NagError
from nag.evaluation.trials.trial import Measurement
from nag.execution.store import EvaluationKey, EvaluationStore, Request
from nag.spaces import load_space

RESULT = Measurement(0.1, 0.2, {"a": 0.3}, [{"loss": 1.0}, {"loss": 0.5}], 2, 3.5, 4.5)


@pytest.fixture
def store(store_url):
    store = EvaluationStore(store_url, patience=10)
    yield store
    store.close()


def claim(store, worker="w", limit=1, lease=60.0, max_attempts=3):
    return store.claim(worker, "t", "e", lease, limit, max_attempts)


def test_a_result_comes_back_as_it_was(store):
    odd = Measurement(1 / 3, None, {"nan": math.nan}, [{"loss": math.inf}], 1)
    store.request(wanted(2))
    first, second = claim(store, limit=2)
    assert store.complete("w", {first.key: RESULT, second.key: odd}) == {first.key, second.key}
    found = store.find([first.key, second.key])
    assert found[first.key].measurement == replace(RESULT, side={"a": 0.3})
    assert found[second.key].measurement.search_value == 1 / 3
    assert found[second.key].measurement.report_value is None
    assert math.isnan(found[second.key].measurement.side["nan"])
    assert found[second.key].measurement.curve == [{"loss": math.inf}]
    assert [found[request.key].architecture for request in wanted(2)] == [request.architecture for request in wanted(2)]
    assert [found[request.key].native for request in wanted(2)] == ["native 0", "native 1"]
    assert found[first.key].created <= found[first.key].finished <= time.time() + 1
    assert store.counts() == {"pending": 0, "claimed": 0, "done": 2, "failed": 0}


def test_requests_enter_what_is_missing_and_leave_the_rest(store):
    assert store.request(wanted(3)) == 3
    (held,) = claim(store)
    store.complete("w", {held.key: RESULT})
    (failed,) = claim(store)
    store.fail("w", failed.key, "no", retry=False)
    before = store.records()
    assert store.request([replace(request, native="another") for request in wanted(5)]) == 2
    assert store.records()[:3] == before
    assert store.counts()["pending"] == 3


def test_functional_twins_share_a_record_and_seeds_tasks_and_evaluators_do_not(store):
    space = load_space("nasbench201")
    twins = [
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
        "|none~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|",  # all dead ends differ
    ]
    archs = [space.codec.decode(native) for native in twins]
    hashes = space.canonical_hashes(space.to_dags(archs))
    assert archs[0] != archs[1]
    assert hashes[0] == hashes[1]
    keys = [EvaluationKey(digest, "t", "e", 0) for digest in hashes]
    assert store.request(Request(key, arch, native) for key, arch, native in zip(keys, archs, twins, strict=True)) == 1
    others = [replace(keys[0], seed=1), replace(keys[0], task="u"), replace(keys[0], evaluator="f")]
    assert store.request(Request(key, archs[0]) for key in others) == 3
    (held,) = store.claim("w", "t", "e", 60, 1)
    store.complete("w", {held.key: RESULT})
    found = store.find([*keys, *others])
    assert found[keys[0]].architecture == archs[0]
    assert [found[key].status for key in others] == ["pending"] * 3


def test_what_is_claimed_is_claimed_by_one(store):
    store.request(wanted(5))
    first, second = claim(store, "v", 3), claim(store, "w", 3)
    assert len(first) == 3
    assert {r.key for r in first}.isdisjoint({r.key for r in second})
    assert len(second) == 2
    assert claim(store, "x") == []
    assert [r.worker for r in first] == ["v"] * 3
    assert store.find([first[0].key])[first[0].key] == first[0]
    assert store.has_open("t", "e")
    assert not store.has_open("t", "f")
    assert not store.has_open("u", "e")


def test_only_the_holder_completes_and_a_result_stays(store):
    store.request(wanted(1))
    (held,) = claim(store, "v", lease=0.1)
    time.sleep(0.2)
    (again,) = claim(store, "w")
    assert again.key == held.key
    assert store.complete("v", {held.key: RESULT}) == set()
    assert not store.fail("v", held.key, "no")
    assert store.complete("w", {held.key: RESULT}) == {held.key}
    before = store.records()
    assert store.complete("w", {held.key: replace(RESULT, search_value=9.0)}) == {held.key}  # as after a lost answer
    assert store.complete("v", {held.key: replace(RESULT, search_value=9.0)}) == set()
    assert store.add([(wanted(1)[0], replace(RESULT, search_value=9.0))]) == 0
    assert not store.fail("w", held.key, "no")
    assert store.release("w") == store.lapse("w", "no") == store.retry_failed() == 0
    assert store.records() == before
    assert before[0].measurement == RESULT


def test_a_lapsed_claim_that_nobody_took_is_still_good(store):
    store.request(wanted(1))
    (held,) = claim(store, lease=0.05)
    time.sleep(0.1)
    assert store.complete("w", {held.key: RESULT}) == {held.key}


def test_extended_claims_last(store):
    store.request(wanted(2))
    held = claim(store, "v", 2, lease=0.5)
    for _ in range(4):
        time.sleep(0.2)
        assert store.extend("v", {held[0].key: 0.25}, 0.5) == {held[0].key}
    (lapsed,) = claim(store, "w", 2)
    assert lapsed.key == held[1].key
    assert store.states([held[0].key])[held[0].key].progress == 0.25
    assert store.extend("v", {record.key: 0.5 for record in held}, 0.5) == {held[0].key}


def test_failures_are_tried_again_alone_and_last_until_none_is_left(store):
    store.request(wanted(3))
    first = claim(store)[0].key
    assert store.fail("w", first, "one\n two \x00")
    fresh = claim(store, limit=9)  # those that were never tried
    assert {record.attempts for record in fresh} == {1}
    assert len(fresh) == 2
    store.complete("w", {record.key: RESULT for record in fresh})
    (second,) = claim(store, limit=9)
    assert (second.key, second.attempts, second.error) == (first, 2, "one two")
    assert store.fail("w", first, "two")
    assert [record.attempts for record in claim(store, limit=9)] == [3]
    assert store.lapse("w", "the worker died (exit code 9)") == 1
    record = store.find([first])[first]
    assert record.status == "failed"
    assert record.error == "the worker died (exit code 9) (attempt 3 of 3)"
    assert not store.has_open("t", "e")
    assert store.retry_failed("t", "f") == 0
    assert store.retry_failed("t", "e") == 1
    (again,) = claim(store)
    assert (again.attempts, again.error) == (1, "")
    assert store.fail("w", first, "for good", retry=False)
    assert store.find([first])[first].status == "failed"


@pytest.mark.parametrize("by_lease", [False, True])
def test_who_dies_with_several_claims_charges_none_and_each_is_alone_from_then_on(store, by_lease):
    store.request(wanted(3))
    assert len(claim(store, "v", 9, lease=0.05 if by_lease else 60)) == 3
    if by_lease:
        time.sleep(0.1)
    else:
        store.lapse("v", "died")
    for number in range(3):
        assert [record.attempts for record in claim(store, f"w{number}", 9, max_attempts=1)] == [1]
    assert claim(store, "x", 9) == []
    assert store.lapse("w0", "died", max_attempts=1) == 1
    assert store.counts() == {"pending": 0, "claimed": 2, "done": 0, "failed": 1}


def test_a_released_claim_was_no_attempt_and_a_lapsed_one_was(store):
    store.request(wanted(1))
    for _ in range(5):
        (held,) = claim(store, max_attempts=1)
        assert held.attempts == 1
        assert store.release("w") == 1
    (held,) = claim(store, max_attempts=2, lease=0.01)
    time.sleep(0.05)
    (held,) = claim(store, max_attempts=2, lease=0.01)
    assert held.attempts == 2
    time.sleep(0.05)
    assert claim(store, max_attempts=2) == []
    record = store.find([held.key])[held.key]
    assert record.status == "failed"
    assert record.error == "the worker died or was lost (attempt 2 of 2)"


def test_results_can_be_entered_without_a_claim(store):
    results = [(request, replace(RESULT, search_value=float(i))) for i, request in enumerate(wanted(10))]
    assert store.add(results, "importer") == 10
    assert [record.measurement.search_value for record in store.records("t", "e", "done")] == list(range(10))
    assert not store.has_open("t", "e")
    assert store.add([]) == store.request([]) == 0


def test_look_ups_of_many_keys_find_exactly_those(store):
    store.request([*wanted(2500), *wanted(2500, seed=1), *wanted(10, "f")])
    keys = [request.key for request in [*wanted(2500, first=1200), *wanted(30, seed=1), *wanted(3, "f")]]
    found = store.find(keys)
    assert set(found) == {*keys[:1300], *keys[2500:]}
    assert all(key == record.key for key, record in found.items())
    assert set(store.states(keys)) == set(found)
    assert store.find([]) == {}


def _claim_all(url, worker, start, claimed):
    store = EvaluationStore(url)
    start.wait()
    while records := claim(store, worker, 7):
        claimed.put([record.key for record in records])
        store.complete(worker, {record.key: RESULT for record in records})
    claimed.put(None)


def test_processes_that_claim_at_once_share_the_rows_out(store):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nag.execution.worker"])
    store.request(wanted(300))
    start, claimed = context.Event(), context.Queue()
    processes = [context.Process(target=_claim_all, args=(store.url, f"w{i}", start, claimed)) for i in range(4)]
    for process in processes:
        process.start()
    start.set()
    keys, ended = [], 0
    while ended < 4:
        batch = claimed.get(timeout=60)
        ended += batch is None
        keys += batch or []
    for process in processes:
        process.join()
    assert len(keys) == 300
    assert set(keys) == {request.key for request in wanted(300)}
    assert store.counts()["done"] == 300


def test_two_that_enter_the_same_at_once_enter_it_once(store):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nag.execution.worker"])
    counts = context.Queue()
    processes = [context.Process(target=_enter, args=(store.url, reverse, counts)) for reverse in (False, True)]
    for process in processes:
        process.start()
    assert sum(counts.get(timeout=60) for _ in processes) == 3000
    for process in processes:
        process.join()
    assert store.counts()["pending"] == 3000


def _enter(url, reverse, counts):
    requests = wanted(3000)
    counts.put(EvaluationStore(url).request(reversed(requests) if reverse else requests))


def test_a_store_opens_again_and_travels_to_other_processes(store):
    store.request(wanted(2))
    copy = pickle.loads(pickle.dumps(store))
    assert copy.records() == store.records()
    assert EvaluationStore(store.url).counts()["pending"] == 2
    store.close()
    assert store.counts()["pending"] == 2


def test_a_plain_path_is_a_file_whose_folder_is_made(tmp_path):
    store = EvaluationStore(tmp_path / "deep" / "er" / "store.db")
    store.request(wanted(1))
    assert store.is_local
    assert EvaluationStore(f"sqlite:///{tmp_path}/deep/er/store.db").counts()["pending"] == 1


@pytest.mark.parametrize("url", ["", "mysql://a/b", "sqlite://", "sqlite:///:memory:", "postgresql://host", "nonsense://x"])
def test_what_names_no_store_is_refused(url):
    with pytest.raises(InvalidRequest, match="is no store"):
        EvaluationStore(url)


def test_passwords_are_not_shown():
    with pytest.raises(NagError) as caught:
        EvaluationStore("postgresql://me:secret@localhost:1/db", patience=0.1)
    assert "secret" not in str(caught.value)
    for query in ("password=secret", "sslpassword=secret"):
        with pytest.raises(NagError) as caught:
            EvaluationStore(f"postgresql://me@localhost:1/db?{query}", patience=0.1)
        assert "secret" not in str(caught.value)
    with pytest.raises(InvalidRequest) as refused:
        EvaluationStore("oracle://me:secret@localhost/db?password=secret")
    assert "secret" not in str(refused.value)


def test_a_server_shows_no_password_wherever_a_store_is_named(postgresql):
    plain = postgresql.new_database()
    url = make_url(plain).update_query_dict({"password": "secret"}).render_as_string(hide_password=False)
    store = EvaluationStore(url, patience=1)
    assert "secret" not in store.name
    for wrong in (url.replace("/test", "/none"), plain.replace("nag@", "me:secret@")):
        with pytest.raises(NagError) as caught:
            EvaluationStore(wrong, patience=1)
        assert "secret" not in str(caught.value)


def test_files_that_are_no_stores_are_refused_and_left_alone(tmp_path):
    text, other, newer = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "newer.db"
    text.write_text("no database, and long enough to hold a header of one\n" * 50)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE evaluations (x)")
    EvaluationStore(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE store_version SET version = 99")
    before = text.read_bytes()
    for path, words in ((text, "is not an evaluation store"), (other, "of another program"), (newer, "schema version 99")):
        with pytest.raises(DamagedFile, match=words):
            EvaluationStore(path, patience=1)
    assert text.read_bytes() == before
    with pytest.raises(NagError, match="cannot be written"):
        EvaluationStore(tmp_path, patience=1)


def test_a_missing_driver_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingData, match="psycopg"):
        EvaluationStore("postgresql://localhost:1/db", patience=0.1)


def test_architectures_of_any_size_are_kept(store):
    long = chain(5)
    store.request([Request(EvaluationKey("probe:" + "f" * 200, "t" * 300, "e" * 300, 2**62), long, "n" * 10000)])
    (record,) = store.records()
    assert record.architecture == long
    assert record.key.seed == 2**62
