from runyard.agents.code_reviewer.diff import binary_files, changed_lines


def test_added_and_changed_lines_are_told_by_file() -> None:
    patch = b"""diff --git a/one.py b/one.py
--- a/one.py
+++ b/one.py
@@ -3 +3,2 @@ def f():
-old
+new
+newer
@@ -10,2 +11 @@
-a
-b
+c
diff --git a/two.py b/two.py
--- /dev/null
+++ b/two.py
@@ -0,0 +1 @@
+x
\\ No newline at end of file
"""
    assert changed_lines(patch) == {"one.py": ((3, 4), (11, 11)), "two.py": ((1, 1),)}


def test_a_stretch_that_only_deletes_changes_no_line() -> None:
    assert changed_lines(b"+++ b/a\n@@ -4,2 +3,0 @@\n-x\n-y\n") == {"a": ()}


def test_lines_of_a_hunk_that_look_like_headers_are_not_read_as_such() -> None:
    patch = b"+++ b/real\n@@ -1,2 +1,2 @@\n--- a/fake\n-@@ -9 +9 @@\n+++ b/fake\n+@@ -7 +7 @@\n@@ -8 +8 @@\n-x\n+y\n"
    assert changed_lines(patch) == {"real": ((1, 2), (8, 8))}


def test_odd_names_are_read_as_git_writes_them() -> None:
    patch = b'+++ b/with space.py\t\n@@ -1 +1 @@\n-x\n+y\n+++ "b/\\303\\244 \\"q\\"\\n.py"\n@@ -2 +2 @@\n-x\n+y\n'
    assert changed_lines(patch) == {"with space.py": ((1, 1),), 'ä "q"\n.py': ((2, 2),)}


def test_files_that_git_calls_binary_are_marked() -> None:
    assert binary_files(b"1\t2\ta b.py\0-\t-\tlogo.png\0") == {"a b.py": False, "logo.png": True}
