"""`warren gate`: a result judged by objectives, and against an earlier one."""
