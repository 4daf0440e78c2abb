"""What a child program sees of our environment."""

from __future__ import annotations

from ar.childenv import child_environment


def test_what_pyinstaller_and_python_set_for_themselves_is_left_out():
    ours = {
        "_MEIPASS2": "/tmp/_MEI1", "_PYI_APPLICATION_HOME_DIR": "/tmp/_MEI1", "_PYI_ARCHIVE_FILE": "/x",
        "PYTHONPATH": "/x", "PYTHONHOME": "/x", "HOME": "/root", "PATH": "/bin",
    }  # fmt: skip
    assert child_environment(ours) == {"HOME": "/root", "PATH": "/bin"}


def test_a_library_path_of_the_unpacked_executable_goes():
    assert child_environment({"LD_LIBRARY_PATH": "/tmp/_MEI1"}) == {}


def test_the_administrators_own_library_path_comes_back():
    ours = {"LD_LIBRARY_PATH": "/tmp/_MEI1:/opt/lib", "LD_LIBRARY_PATH_ORIG": "/opt/lib"}
    assert child_environment(ours) == {"LD_LIBRARY_PATH": "/opt/lib"}


def test_an_empty_former_value_stays_empty_and_the_input_is_not_changed():
    ours = {"LIBPATH": "/tmp/_MEI1", "LIBPATH_ORIG": ""}
    assert child_environment(ours) == {"LIBPATH": ""}
    assert ours == {"LIBPATH": "/tmp/_MEI1", "LIBPATH_ORIG": ""}
