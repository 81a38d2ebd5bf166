# Data flows one way: a file may include its own room and rooms of a lower rank, nothing else.
# tests/check/rooms.txt holds
#   rank <room>...      rooms of one rank, lowest rank first; rooms that share a rank are siblings
#                       and may not see each other
#   hdr <room> <file>...  the room that owns include/sdtmill/<file>
BEGIN {
    rooms = "tests/check/rooms.txt"
    while ((getline line < rooms) > 0) {
        n = split(line, a, /[ \t]+/)
        if (a[1] == "rank") { r++; for (i = 2; i <= n; i++) rank[a[i]] = r }
        else if (a[1] == "hdr") { for (i = 3; i <= n; i++) home[a[i]] = a[2] }
    }
    if (!r) { print rooms ": not readable or without ranks"; bad = 1; exit 1 }
}
function complain(text) { print FILENAME ":" FNR ": " text; bad = 1 }
FNR == 1 {
    f = FILENAME; sub(/.*\//, "", f); room = ""
    if (FILENAME ~ /^src\//) {
        split(FILENAME, p, "/"); room = p[2]
        if (!(room in rank)) complain("room " room " is not in " rooms "; give it a rank")
        if (f in seen) complain("file name is not unique: " seen[f])
        seen[f] = FILENAME
    } else if (f in home) {
        room = home[f]
        if (!(room in rank)) complain("its room " room " has no rank in " rooms)
    } else complain("header has no home; add it to its room's `hdr` line in " rooms)
}
/^[ \t]*#[ \t]*include[ \t]*"/ && (room in rank) {
    split($0, s, "\""); h = s[2]
    if (h ~ /\.\./) { complain("include by a path without .. : " h); next }
    if (h ~ /^sdtmill\//) {
        sub(/^sdtmill\//, "", h)
        if (!(h in home)) { complain("includes sdtmill/" h ", which has no home in " rooms); next }
        to = home[h]
    } else if (split(h, q, "/") > 1) {
        if (q[1] != room) complain("private header of another room: " h)
        next
    } else next
    if (to != room && !(rank[to] < rank[room]))
        complain(room " (rank " rank[room] ") may not include " to " (rank " rank[to] "): " h)
}
END { exit bad }
