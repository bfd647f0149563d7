"""Native strings of designs, which a person can read and write.

    design  = sections {";" cell} [";" recipe]            sections = section {"|" section}
    section = ["[" values "]"] word                       values   = NAME "=" VALUE {"," NAME "=" VALUE}
    word    = "-" | node {node}                           node     = NAME ["(" values ")"] ["{" graph "}"] ["*" NUMBER]
    cell    = NAME "{" graph "}"                          recipe   = values
    graph   = inner {"/" inner}                           inner    = word ["<" NUMBER {"," NUMBER}] | label {"," label}
    label   = word "~" NUMBER

Only parts in which something is chosen are written; `*3` stands for three equal nodes in a row. Nodes of a cell of free wiring
say which nodes they read, after `<`; where edges carry the operations, each says what it holds and, after `~`, its source.
"""
