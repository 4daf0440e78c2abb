#!/bin/sh
# Starts the agent of this checkout on this machine's own logs, with its home in ./home.
#
# Usage: run.sh [OPTION of `agent.py run`...]    Environment: PY, the Python to use
#
# Where no log can be read (a bare container, a user without rights) it says so and, when only observing, feeds
# the agent the sample log that comes with the project, line by line and freshly stamped, from home/logs/SAMPLE.log:
# whatever comes of it names that file as its source.
set -eu
cd "${0%/*}/.."

home=$PWD/home
sample=$home/logs/SAMPLE.log
conf=$home/etc/ossec.conf

add_sample_to_conf() {
    ! grep -q SAMPLE.log "$conf" || return 0
    cat >>"$conf" <<END

<!-- SAMPLE: no log of this machine could be read, so \`make run\` feeds the sample log into this file. -->
<ossec_config>
  <localfile>
    <log_format>syslog</log_format>
    <location>$sample</location>
  </localfile>
</ossec_config>
END
}

# Append the sample's lines with fresh stamps, once, for as long as process $1 (the agent to be) lives.
feed() {
    sleep 2
    while IFS= read -r line; do
        kill -0 "$1" 2>/dev/null || return 0
        stamp=$(LC_ALL=C date '+%b %e %H:%M:%S')
        printf '%s%s\n' "$stamp" "${line#???????????????}" >>"$sample"
        sleep 0.3
    done <ar/ruleset/sample.log
    echo "SAMPLE: that was all of it; the agent goes on running. Ctrl-C stops it."
}

if [ ! -e "$conf" ]; then "$PY" agent.py init --home "$home"; fi

if ! logs=$("$PY" build/readable_log.py "$home"); then
    echo "No log of this machine can be read:"
    echo "$logs" | sed 's/^/  /'
    case " $* " in
        *" --observe "*)
            echo "SAMPLE: instead, the agent is fed a log that comes with the project. None of it happened here."
            add_sample_to_conf
            : >"$sample"
            (feed $$ &) # no child of the agent, which the shell becomes
            ;;
        *) echo "The sample log is fed only to an agent that observes (make run), so nothing will be seen." ;;
    esac
fi
exec "$PY" agent.py run --home "$home" "$@"
