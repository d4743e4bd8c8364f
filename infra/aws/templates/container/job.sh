<# A worker as a Batch job: it ends when nothing is left to do. #>
<%- include "container/base.sh" -%>
exec setpriv --reuid=panocast --regid=panocast --clear-groups --no-new-privs \
    /opt/panocast/bin/transcoder worker --until-idle --state /var/lib/panocast
